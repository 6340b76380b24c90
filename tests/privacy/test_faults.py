"""Faults once found by reading sets: wholes of classes, not single words."""

from __future__ import annotations

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import PrivacySettings, attributes, expand
from obclip.privacy.check import check
from obclip.privacy.compounds import compound
from obclip.privacy.lexicon import lexicon
from obclip.privacy.spelled import figures_in_digits
from obclip.privacy.taxonomy import lines
from obclip.privacy.vocabulary import vocabulary

#: Words that say a gender or an age wherever they stand before "in a park".
SAID = (
    "woman", "man", "girl", "boy", "lady", "gent", "chap", "lass", "wench", "diva", "nymph",
    "seductress", "bombshell", "milf", "momma", "nana", "gramps", "gf", "bf", "maharaja",
    "shah", "czar", "viscountess", "contessa", "matador", "courtesan", "valkyrie",
    "shepherdess", "poetess", "schoolmarm", "chambermaid", "strongman", "henchman", "choirboy",
    "busboy", "frogman", "airman", "boatman", "marksman", "conman", "trashman", "alderman",
    "transwoman", "filipina", "spaniard", "swede", "dane", "scot",
)  # fmt: skip


def names_of(text: str, settings: PrivacySettings | None = None) -> list[str]:
    return [a.name for a in expand(text, settings).candidates.attributes]


@pytest.mark.parametrize("word", SAID)
def test_a_noun_of_a_person_never_leaves_alone(word: str) -> None:
    found = expand(f"a {word} in a park").candidates
    assert found.n > 1
    for member in found.prompts:
        assert expand(member).candidates == found


@pytest.mark.parametrize("word", ["woman", "man", "girl", "boy", "he", "she"])
@pytest.mark.parametrize(
    "frame",
    [
        "iron {}",
        "spider-{} on a roof",
        "a {} band",
        "the {} runs",
        "{}",
        "stick {}",
    ],
)
def test_no_word_of_gender_leaves_in_a_set_of_one(word: str, frame: str) -> None:
    try:
        assert expand(frame.format(word)).candidates.n > 1
    except PromptRefused as refused:
        assert refused.code in ("named_person", "pronoun_case")


def test_no_idiom_exempts_a_whole_row_by_itself() -> None:
    rows = lexicon().rows
    assert [
        key for key, seconds in vocabulary().idioms.items() if "" in seconds and key in rows
    ] == []
    assert names_of("an Austrian man") == names_of("a Haitian man") == ["nationality", "gender"]


def test_every_plural_of_a_fused_noun_is_read() -> None:
    for row in lexicon().rows.values():
        if row.kind == "noun" and row.plural and len(row.attributes) == 2:
            for form in row.forms.values():
                assert set(names_of(f"two {form} dancing")) >= set(row.attributes), form


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("forty-five years old", "45 years old"),
        ("in her 40's", "in her 40s"),
        ("a 30-something", "a twenty-something"),
        ("two Fifty somethings", "two Fifty-somethings"),
        ("sixtysomething", "seventy-something"),
        ("fortyish", "fiftyish"),
        ("a 60-ish man", "a seventyish man"),
        ("an 11-month-old", "an 8-year-old"),
        ("6 weeks old", "8 years old"),
        ("aged between 30 and 40", "aged 30"),
        ("20-30 years old", "20 years old"),
        ("in her 20s to early 30s", "in her 20s"),
        ("aged forty", "aged 40"),
        ("one hundred years old", "100 years old"),
        ("a thousand year old elf", "a 1000 year old elf"),
        ("forty apples", "forty apples"),
        ("awesome", "awesome"),
    ],
)
def test_ages_have_one_spelling(text: str, wanted: str) -> None:
    assert figures_in_digits(text) == wanted
    assert figures_in_digits(wanted) == wanted


@pytest.mark.parametrize(
    "text",
    ["a woman, 1950", "girl, 8k", "man (detailed)", "woman, 35 mm", "a man, 2", "chairs (4)",
     "a woman of 200", "a woman from the 80s", "a 1920s woman", "a cat (12)",
     "a man of 45 talents"],
)  # fmt: skip
def test_other_numbers_are_no_ages(text: str) -> None:
    assert "age" not in names_of(text) or "girl" in text


@pytest.mark.parametrize(
    "word", ["human", "german", "ottoman", "talisman", "ramen", "omen", "woman"]
)
def test_words_that_only_look_like_compounds(word: str) -> None:
    assert compound(word) is None


def test_a_compound_is_a_closed_row() -> None:
    found = compound("frogwomen")
    assert found is not None
    row, values = found
    assert row.plural
    assert values == ("woman",)
    assert row.forms == {("woman",): "frogwomen", ("man",): "frogmen"}
    assert compound("frogmen") == (row, ("man",))
    assert compound("exman") is None
    assert names_of("a harbour by Cindy Lindman") == []


@pytest.mark.parametrize("text", ["a pregnant girl", "a pregnant child", "a boy dating"])
def test_rule_13_knows_pregnancy(text: str) -> None:
    with pytest.raises(PromptRefused) as refused:
        expand(text)
    assert refused.value.code == "child_rule"


def test_hundreds_of_first_names_stand_in_the_table() -> None:
    rows = [line for line in lines("names.txt") if line]
    assert len(rows) * 12 >= 1200
    assert check()["forms"] > 8000


def test_pronouns_are_bound_by_place_only_where_the_set_would_be_too_large() -> None:
    wide = PrivacySettings(cap=256)
    text = "a boy and a girl, he gives her a flower"
    assert expand(text, wide).candidates.n == 256
    assert expand(text).candidates.n == 64
    for member in expand(text).candidates.prompts[::9]:
        assert expand(member).candidates == expand(text).candidates


def test_an_always_on_attribute_keeps_to_its_groups() -> None:
    profile = PrivacySettings(always_on=("age",), groups={"age": "grown"})
    grown = ("a doctor", "a young doctor", "a middle-aged doctor", "an elderly doctor")
    for text in grown:
        assert expand(text, profile).candidates.prompts == grown
    assert expand("a child doctor", profile).candidates.prompts == ("a child doctor",)


def test_an_always_on_attribute_leaves_an_idiom_alone() -> None:
    profile = PrivacySettings(always_on=("gender",))
    assert expand("a raccoon queen. A cute dog", profile).candidates.n == 1


@pytest.mark.parametrize(
    "word",
    ["muscular physique", "big", "slim build", "huge", "jacked", "curvy figure", "pot belly"],
)
def test_body_words_in_many_forms(word: str) -> None:
    settings = PrivacySettings(protect=tuple(attributes()))
    text = f"a man with a {word}" if " " in word else f"a {word} man"
    assert "body" in names_of(text, settings)


def refusal(text: str, negative: str | None = None) -> PromptRefused:
    with pytest.raises(PromptRefused) as refused:
        expand(text, None, negative)
    return refused.value


UNTOUCHED = (
    "a splash of color on a grey city", "an explosion of colour", "pops of color on a wall",
    "a gingerbread man", "a gingerbread woman", "a black chandelier", "white glitter",
    "black suspenders", "black scissors", "black eyeliner", "a black dagger",
    "Chinese wallpaper", "a Japanese watercolor of a mountain", "an old typewriter",
    "a Japanese newspaper", "a black projector", "a Chinese typewriter", "black eyes",
    "a garden rake", "leather jacket with studs", "a cup of Earl Grey", "a question mark",
    "a lazy susan", "star of david", "ebony wood", "fields of heather", "purple heather",
    "a gosling", "a trump card", "wheelchair basketball", "mom jeans",
    "children's book illustration", "a baby face", "black & white photo",
    "2 year old golden retriever", "50 year old house", "a white-winged horse",
)  # fmt: skip


@pytest.mark.parametrize("text", UNTOUCHED)
def test_things_stay_word_for_word(text: str) -> None:
    assert expand(text).candidates.prompts == (text,)


@pytest.mark.parametrize(
    "text, names",
    [
        ("a woman of color", ["gender", "ethnicity"]),
        ("people of colour", ["ethnicity"]),
        ("an Aboriginal elder", ["ethnicity", "age"]),
        ("a Cherokee elder", ["ethnicity", "age"]),
        ("cat girl", ["gender", "age"]),
        ("the youngest child", ["age"]),
        ("the oldest man", ["age", "gender"]),
        ("early 20s girl", ["age", "gender"]),
        ("40s woman", ["age", "gender"]),
        ("a white-bearded old man", ["gender", "age"]),
        ("a black-haired woman", ["gender"]),
        ("a woman wearing a black choker", ["gender"]),
        ("a woman with blunt bangs", ["gender"]),
        ("a big girl", ["gender", "age"]),
        ("a kiddo on a swing", ["age"]),
        ("an old-timer", ["age"]),
        ("portrait of jack", ["gender", "ethnicity"]),
        ("a wheelchair basketball player", ["disability"]),
        ("a Chinese harpist", ["nationality"]),
        ("a black firebreather holding a torch", ["ethnicity"]),
        ("a Chinese sheepkeeper", ["nationality"]),
    ],
)
def test_what_is_a_mention(text: str, names: list[str]) -> None:
    found = expand(text).candidates
    assert sorted(a.name for a in found.attributes) == sorted(names)
    for member in found.prompts:
        assert expand(member).candidates == found


@pytest.mark.parametrize(
    "text, members",
    [
        ("a Filipina woman", ("a Filipino woman", "a Cuban man")),
        ("a Filipina nurse", ("a Filipino female nurse", "a Cuban male nurse")),
        ("a Latina doctor", ("a Latin female doctor", "a black male doctor")),
        ("a Latino college student", ("a Latin male college student",)),
        ("she is 25", ("she is 8", "he is 70")),
        ("she's thirty", ("she's 25", "he's 45")),
        ("he turned 50", ("she turned 8", "he turned 45")),
        ("40s woman", ("10s girl", "20s man", "70s woman")),
        ("portrait of John, a homeless man", ("portrait of Sarah, a homeless woman",)),
        ("big brother hugging little brother", ("big sister hugging little brother",)),
    ],
)
def test_members_read_as_english(text: str, members: tuple[str, ...]) -> None:
    found = expand(text).candidates.prompts
    assert set(members) <= set(found)
    assert len(found) <= 48


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("a man who is 25", "a girl who is 8", "a man who is 70"),
        ("a man, who's 40, smiling", "a girl, who's 8, smiling", "a man, who's 70, smiling"),
        ("a woman just turned 40", "a girl just turned 8", "a man just turned 70"),
        ("a man who is now 70", "a girl who is now 8", "a man who is now 70"),
        ("a woman who is twenty-five", "a girl who is 8", "a man who is 70"),
        ("a young woman who is 25", "a girl who is 8", "a man who is 70"),
        ("a boy who has just turned 9", "a girl who has just turned 8",
         "a man who has just turned 70"),
        ("she is only 25", "she is only 8", "he is only 70"),
        ("a grandfather, 81 years old", "a little female relative, 8 years old",
         "a grandfather, 70 years old"),
        ("two men who are 30", "two girls who are 8", "two men who are 70"),
        ("two boys, both 9", "two girls, both 8", "two men, both 70"),
        ("a man who is 25 today", "a girl who is 8 today", "a man who is 70 today"),
        ("a man, whose age is 40", "a girl, whose age is 8", "a man, whose age is 70"),
        ("a man who is about to turn forty", "a girl who is about to turn 8",
         "a man who is about to turn 70"),
        ("a woman who is 30 or 40", "a girl who is 8", "a man who is 70"),
        ("a woman who is between 30 and 40", "a girl who is 8", "a man who is 70"),
        ("a man who is older than 50", "a girl who is over 8", "a man who is over 70"),
        ("a man who is thirty in this picture", "a girl who is 8 in this picture",
         "a man who is 70 in this picture"),
    ],
)  # fmt: skip
def test_an_age_in_a_clause_is_the_persons_before_it(text: str, first: str, last: str) -> None:
    found = expand(text, PrivacySettings()).candidates
    assert (found.n, found.prompts[0], found.prompts[-1]) == (8, first, last)
    for member in found.prompts:
        assert expand(member, PrivacySettings()).candidates == found


@pytest.mark.parametrize("text", [
    "a man in a house that is 100", "a man who is 40 minutes late", "a woman who is in room 25",
    "a man with a car that is 30", "a man who is 100 meters away", "a man who won 25 medals",
])  # fmt: skip
def test_a_number_that_is_no_age_stays(text: str) -> None:
    assert [a.name for a in expand(text, PrivacySettings()).candidates.attributes] == ["gender"]


@pytest.mark.parametrize("text", ["she is 25 meters away", "it is 25", "she's one of them"])
def test_other_numbers_after_a_verb_of_being(text: str) -> None:
    assert "age" not in names_of(text)


@pytest.mark.parametrize(
    "text, code, word",
    [
        ("Harry Potter casting a spell", "named_person", "Harry Potter"),
        ("harry potter in hogwarts", "named_person", "harry potter"),
        ("emily blunt", "named_person", "blunt"),
        ("trump in a suit", "named_person", "trump"),
        ("portrait of Sarah, a homeless man", "contradiction", "man"),
        ("a Filipina man", "contradiction", "Filipina"),
        ("gril in a dress", "unknown_person_word", "gril"),
        ("a wman", "unknown_person_word", "wman"),
        ("a womn", "unknown_person_word", "womn"),
        ("boyy", "unknown_person_word", "boyy"),
        ("a yuong girl", "near_miss", "yuong"),
    ],
)
def test_what_is_refused_and_for_which_word(text: str, code: str, word: str) -> None:
    refused = refusal(text)
    assert (refused.code, refused.text) == (code, word)


@pytest.mark.parametrize(
    "text, word",
    [
        ("child in a swimsuit", "child"),
        ("schoolgirl in a short skirt", "schoolgirl"),
        ("1girl, 1boy, couple, kiss", "1girl"),
    ],
)
def test_rule_13_says_what_to_do(text: str, word: str) -> None:
    refused = refusal(text)
    assert (refused.code, refused.text) == ("child_rule", word)
    assert any("1woman for 1girl" in hint for hint in refused.hint)


def test_child_leaves_the_orbit_beside_a_swimsuit() -> None:
    found = expand("a young woman in a swimsuit").candidates.prompts
    assert len(found) == 6
    assert not any("girl" in text or "boy" in text for text in found)


def test_tags_of_a_negative_prompt_are_mentions_of_their_own() -> None:
    wide = PrivacySettings(cap=256)
    found = expand("a woman", wide, "bad hands, old, mature, 1boy").candidates
    assert [a.name for a in found.attributes] == [
        "gender", "age", "age", "gender", "age",
    ]  # fmt: skip
    assert found.n == 2 * 4 * 4 * 8
    assert refusal("a woman", "bad hands, old, mature, 1boy").code == "set_too_large"


def test_a_bare_old_of_a_negative_prompt_is_masked() -> None:
    found = expand("a woman", None, "old, ugly, deformed").candidates
    assert found.n == 8
    assert found.negatives[:4] == (
        "childish, ugly, deformed", "youthful, ugly, deformed", "mature, ugly, deformed",
        "old, ugly, deformed",
    )  # fmt: skip
    assert expand("old, ugly, deformed").candidates.n == 1


def test_a_set_too_large_names_the_setting_that_makes_it_fit() -> None:
    hints = refusal("a white woman and a black man").hint
    advice = 'group ethnicity = "two" in the profile (36 members), or set cap = 144 in the profile'
    assert advice in hints
    coarser = PrivacySettings(groups={"ethnicity": "two"})
    assert expand("a white woman and a black man", coarser).candidates.n == 36
    higher = PrivacySettings(cap=144)
    assert expand("a white woman and a black man", higher).candidates.n == 144


def test_a_form_of_the_table_is_its_own_spelling() -> None:
    for row in lexicon().rows.values():
        for form in row.forms.values():
            assert figures_in_digits(form) == form


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("Rose in the garden", "named_person", "Rose"),
        ("Lily smiling at the camera", "named_person", "Lily"),
        ("a portrait of Jade", "named_person", "Jade"),
        ("Kim wearing a hat", "named_person", "Kim"),
        ("Grace and her dog", "named_person", "Grace"),
        ("a girl named lily", "named_person", "lily"),
        ("my friend Rose", "named_person", "Rose"),
        ("a boy with Lily", "named_person", "Lily"),
        ("Summer is smiling", "named_person", "Summer"),
        ("Jade, a young woman", "named_person", "Jade"),
        ("a painting of Donald Trump", "named_person", "Donald"),
        ("a diabetic man", "unknown_person_word", "diabetic"),
        ("a woman with breast cancer", "unknown_person_word", "cancer"),
        ("a cancer patient", "unknown_person_word", "cancer"),
        ("a woman with MS", "unknown_person_word", "MS"),
        ("she has asthma", "unknown_person_word", "asthma"),
        ("a count in his castle", "unknown_person_word", "count"),
        ("the old count, sitting", "unknown_person_word", "count"),
        ("a portrait of a Count Orlok", "unknown_person_word", "Count"),
        ("a penwoman", "unknown_person_word", "penwoman"),
        ("two dairywomen", "unknown_person_word", "dairywomen"),
        ("🧕 reading", "person_emoji", "🧕"),
        ("🧔 in a park", "person_emoji", "🧔"),
        ("👩‍🦽 in a street", "person_emoji", "👩‍🦽"),
        ("🏳️‍🌈 parade", "person_emoji", "🏳️‍🌈"),
        ("a girl ♀", "person_emoji", "♀"),
    ],
)
def test_a_name_a_condition_or_a_sign_without_a_row_is_refused(text, code, word):
    with pytest.raises(PromptRefused) as refused:
        expand(text)
    assert (refused.value.code, refused.value.text) == (code, word)


@pytest.mark.parametrize(
    "text",
    [
        "a rose in a garden",
        "Rose garden at dawn",
        "Summer in the city",
        "Jade green dress",
        "a Rose, oil painting",
        "a vase with a Lily",
        "May flowers in a vase",
        "a breast cancer awareness ribbon",
        "a diabetic diet on a table",
        "a thread count of 400",
        "the count is wrong",
        "the North Pole",
        "Pole vault competition",
        "a kiwi on a plate",
        "a mohawk haircut",
        "a Japanese watercolor of a mountain",
        "a Russian tanker on the sea",
        "a Muslim prayer rug",
        "🏳 on a hill",
        "👮 in a car",
    ],
)
def test_the_same_words_of_things_stay(text):
    assert expand(text).candidates.prompts == (text,)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("a Chinese girl", {"a young Chinese woman", "a Chinese boy"}),
        ("a Jewish boy", {"an elderly Jewish man", "a middle-aged Muslim woman"}),
        ("a Chinese young woman", {"a young Chinese woman", "a Chinese girl"}),
        ("a little Chinese girl", {"an old Chinese man", "a youthful British woman"}),
        ("a beautiful Chinese girl", {"a beautiful elderly Chinese woman"}),
        ("an Indian girl's hat", {"a young Indian woman's hat", "an elderly Indian man's hat"}),
        ("Young chinese woman at sea", {"Chinese girl at sea", "Elderly British man at sea"}),
        ("Blind girl walking", {"Young blind woman walking", "Deaf boy walking"}),
        ("Blind Girl Walking", {"Elderly Blind Woman Walking"}),
        ("A CHINESE GIRL", {"A YOUNG CHINESE WOMAN", "A CHINESE BOY"}),
        ("a (Chinese girl:1.2)", {"a (young Chinese woman:1.2)", "an (elderly Chinese man:1.2)"}),
        ("a black girl", {"a young East Asian woman", "a Middle Eastern boy"}),
        ("A Black Woman In A Hat", {"An East Asian Woman In A Hat", "A White Man In A Hat"}),
        ("a Frenchman with a baguette", {"a Kenyan man with a baguette"}),
        ("an Afro-Latina nurse", {"a Blasian male nurse"}),
        ("an Afro-Latina", {"a Blasian man"}),
        ("a Pole drinking beer", {"a Nairobi resident drinking beer"}),
        ("an old Moor", {"a kid Rome resident"}),
        ("two Kiwis", {"two Madrid residents"}),
        ("a Korean blacksmither", {"a Mexican blacksmither"}),
        ("a middle-aged one-legged man", {"a middle-aged blind man"}),
        ("a painting of Emma reading", {"a painting of Arjun reading"}),
        ("🧔‍♂️ in a park", {"🧔‍♀️ in a park"}),
    ],
)  # fmt: skip
def test_members_of_noun_phrases_and_new_rows(text, members):
    assert members <= set(expand(text).candidates.prompts)


def test_an_age_word_apart_keeps_its_place():
    found = expand("a young, beautiful Chinese woman").candidates.prompts
    assert "a little, beautiful Chinese girl" in found
    assert "an elderly, beautiful Chinese man" in found


def test_adjectives_that_are_not_protected_stay_in_the_phrase():
    found = expand("a Chinese girl", PrivacySettings(protect=("age",))).candidates.prompts
    assert found == (
        "a Chinese girl",
        "a young Chinese woman",
        "a middle-aged Chinese woman",
        "an elderly Chinese woman",
    )


def test_a_phrase_has_a_mention_for_each_of_its_words():
    found = expand("a young Chinese woman")
    assert [(m.text, m.attributes) for m in found.mentions] == [
        ("young", ("age",)),
        ("Chinese", ("nationality",)),
        ("woman", ("gender", "age")),
    ]
    assert found.clear == ()


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("a gypsy woman dancing", "a Romani woman dancing"),
        ("a gypsy", "a Romani"),
        ("two gypsies", "two Romanies"),
        ("GYPSY DANCER", "ROMANI DANCER"),
        ("a gypsy moth on a leaf", "a gypsy moth on a leaf"),
        ("a Jewess", "a Jewish woman"),
        ("an Islamic woman", "a Muslim woman"),
        ("an islamic temple", "an islamic temple"),
        ("two Irishmen in a pub", "two Irish men in a pub"),
        ("a WELSHMAN", "a WELSH MAN"),
        ("the Flying Dutchman", "the Flying Dutchman"),
        ("an Afro-Latina girl", "an Afro-Latino girl"),
        ("an Afro-Latina nurse", "an Afro-Latino female nurse"),
    ],
)
def test_the_kinder_or_plainer_word_is_the_normal_form(text, normal):
    assert expand(text).normalised == normal


@pytest.mark.parametrize("word", ["lame", "crippled", "pygmy"])
def test_a_hurtful_word_of_a_person_is_refused_and_of_a_thing_stays(word):
    with pytest.raises(PromptRefused):
        expand(f"a {word} woman")
    assert expand(f"a {word} joke").candidates.n == 1


HURTFUL = {"gypsy", "gypsies", "jewess", "moslem", "lame", "crippled", "maimed", "demented"} | {
    "deaf-mute", "fatso", "fatty", "pygmy", "lapp", "bushman", "philistine", "stone-deaf",
}  # fmt: skip


def test_no_form_of_the_table_is_a_hurtful_word():
    for row in lexicon().rows.values():
        for form in row.forms.values():
            assert HURTFUL.isdisjoint(form.lower().split()), row.name


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("a big Chinese girl", "a big young Chinese woman"),
        ("a female Chinese child", "a male young Chinese person"),
        ("a Chinese teenage girl", "a Chinese twentyish woman"),
        ("the young Chinese women's shoes", "the elderly Chinese men's shoes"),
        ("Chinese girls' shoes", "Young Chinese women's shoes"),
        ('a "Chinese girl" in red', 'an "elderly Chinese man" in red'),
        ("an old, blind man", "a small, deaf girl"),
        ("Portrait of a Young Black Girl", "Portrait of an Aged Middle Eastern Man"),
        ("a Chinese girl aged 9", "a Chinese woman aged 25"),
        ("a blind girl and a man", "an elderly deaf woman and a man"),
    ],
)
def test_the_age_word_in_phrases_of_other_shapes(text, member):
    assert member in expand(text, PrivacySettings(cap=128)).candidates.prompts


@pytest.mark.parametrize(
    ("text", "negative", "way"),
    [
        (
            "a Chinese man and a Black woman",
            None,
            'group nationality = "three" in the profile (48 members),'
            " or set cap = 144 in the profile",
        ),
        (
            "a Korean boy and a Korean girl eating ramen",
            None,
            'group nationality = "three", age = "halves" in the profile (64 members),'
            " or set cap = 2304 in the profile",
        ),
        (
            "a woman, portrait",
            "old, mature, 1boy",
            'group age = "halves" in the profile (32 members), or set cap = 256 in the profile',
        ),
        ("a boy and a girl, he gives her a flower", "old", "set cap = 1024 in the profile"),
    ],
)
def test_the_way_out_of_a_set_that_is_too_large(text, negative, way):
    with pytest.raises(PromptRefused) as refused:
        expand(text, negative=negative)
    assert refused.value.code == "set_too_large"
    assert refused.value.hint[1] == way


def test_a_couple_of_an_orientation_stands_with_no_child():
    for text in ("a lesbian couple with their child", "two lesbian couples and a boy"):
        with pytest.raises(PromptRefused) as refused:
            expand(text)
        assert refused.value.code == "child_rule"


def test_a_noun_of_age_and_its_figure_say_one_age() -> None:
    with pytest.raises(PromptRefused) as error:
        expand("a grandmother, 45 years old")
    assert error.value.code == "contradiction"


@pytest.mark.parametrize("text", ["three women who are 20, 30 and 40", "a man who is 40, 50 or 60"])
def test_several_ages_in_a_row_are_refused(text: str) -> None:
    with pytest.raises(PromptRefused) as error:
        expand(text)
    assert error.value.code == "age_figure"

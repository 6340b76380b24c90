"""Small faults that no other test noticed (``python -m training.privacy.mutate``): bounds, exact
spellings, cases of pronouns, the leakage's arithmetic, error fields."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from obclip.errors import (
    ObclipError,
    ProfileError,
    PromptRefused,
    RequestError,
    SelectionError,
    TaxonomyError,
)
from obclip.privacy import (
    CandidateSet,
    Choice,
    CustomAttribute,
    PrivacySettings,
    PublicParameters,
    ages,
    assemble,
    attributes,
    audit,
    build_request,
    candidates,
    check,
    custom,
    device_seed,
    emoji,
    expand,
    fresh_key,
    fresh_seed,
    history,
    leakage,
    lexicon,
    load_custom,
    noise_seed,
    normalise,
    request_hash,
    scan,
    seal,
    select,
    slips,
    spelled,
    taxonomy,
    unprotected,
    vocabulary,
)
from obclip.privacy.candidates import Mention
from obclip.privacy.credits import credited_units
from obclip.privacy.judge import Judge
from obclip.privacy.pronouns import Topic
from obclip.privacy.template import article_for

from .grammar import DEV

PUBLIC = {
    "model": "mini", "plan": "exact", "steps": 25, "split": 10, "guidance": 2.5,
    "scheduler": "ddim", "height": 64, "width": 64,
}  # fmt: skip


def prompts(text: str, **profile: object) -> tuple[str, ...]:
    return expand(text, PrivacySettings(**profile)).candidates.prompts  # type: ignore[arg-type]


def shape(text: str, **profile: object) -> list[tuple[str, int]]:
    found = expand(text, PrivacySettings(**profile)).candidates  # type: ignore[arg-type]
    return [(one.name, one.mention) for one in found.attributes]


def refusal(text: str, **profile: object) -> PromptRefused:
    with pytest.raises(PromptRefused) as caught:
        expand(text, PrivacySettings(**profile))  # type: ignore[arg-type]
    return caught.value


# ---- request, seeds, selection, settings: every bound from both sides


@pytest.mark.parametrize(
    "good",
    [
        {"split": 0}, {"split": 25}, {"steps": 1, "split": 1}, {"steps": 1, "split": 0},
        {"height": 1}, {"width": 1}, {"images": 1}, {"guidance": 0.0},
    ],
)  # fmt: skip
def test_the_bounds_of_public_parameters_are_inside(good):
    PublicParameters(**{**PUBLIC, **good})


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": -1}, {"split": 26}, {"steps": 0, "split": 0}, {"height": 0}, {"width": 0},
        {"images": 0}, {"guidance": -0.1}, {"guidance": float("inf")},
    ],
)  # fmt: skip
def test_one_step_outside_is_refused(wrong):
    with pytest.raises(RequestError):
        PublicParameters(**{**PUBLIC, **wrong})


def test_the_request_word_for_word():
    found = expand("a woman", negative="ugly").candidates
    public = PublicParameters(**{**PUBLIC, "guidance": 2})
    assert json.loads(build_request(found, public, 0)) == {
        "version": 1, "model": "mini", "plan": "exact", "steps": 25, "split": 10, "guidance": 2.0,
        "scheduler": "ddim", "height": 64, "width": 64, "images": 1, "seed": 0,
        "prompts": ["a woman", "a man"], "negatives": ["ugly", "ugly"],
        "table_version": found.table_version,
    }  # fmt: skip
    assert b'"guidance":2.0' in build_request(found, public, 2**63 - 1)
    with pytest.raises(RequestError):
        build_request(found, public, 2**63)
    assert "é".encode() in build_request(expand("a café").candidates, public, 1)
    assert request_hash(b"abc").startswith("ba7816bf")
    alone = expand("a table").candidates
    assert json.loads(build_request(alone, public, 1))["prompts"] == ["a table"]
    short = CandidateSet(found.prompts, ("x",), found.attributes, "")
    with pytest.raises(RequestError) as caught:
        build_request(short, public, 1)
    assert (caught.value.got, caught.value.expected) == (1, 2)


@pytest.mark.parametrize("text", DEV[::16])
def test_the_request_is_the_same_for_the_first_and_last_member(text):
    try:
        first = expand(text)
    except PromptRefused:
        return
    sent = build_request(first.candidates, PublicParameters(**PUBLIC), 7)
    for member in {first.candidates.prompts[0], first.candidates.prompts[-1]}:
        again = expand(member)
        assert build_request(again.candidates, PublicParameters(**PUBLIC), 7) == sent
        assert again.clear == first.clear


def test_seeds_are_derived_as_published():
    key = bytes(range(32))
    assert noise_seed(5, key) == 659125853791436612
    assert device_seed(5, key) == 8890058782727517973
    assert len(fresh_key()) == 32
    drawn = [fresh_seed() for _ in range(64)]
    assert max(drawn) >= 2**61
    assert max(drawn) < 2**63
    assert max(noise_seed(n, key) for n in range(64)) < 2**63
    with pytest.raises(ProfileError) as caught:
        noise_seed(5, bytes(31))
    assert caught.value.got == 31


def test_selecting_at_both_ends():
    class Connection:
        is_closed: object = True

    sealed = seal(["a", "b"], Connection())
    assert (select(sealed, Choice(0)), select(sealed, Choice(1))) == ("a", "b")
    assert sealed.items == ("a", "b")
    assert repr(sealed) == "Sealed(n=2)"
    for outside in (-1, 2):
        with pytest.raises(SelectionError):
            select(sealed, Choice(outside))
    Connection.is_closed = 1
    with pytest.raises(SelectionError):
        seal(["a"], Connection())


def test_a_choice_prints_nothing():
    assert {repr(Choice(3)), str(Choice(3)), f"{Choice(3):>9}"} == {"Choice(redacted)"}
    with pytest.raises(TypeError):
        hash(Choice(3))


def test_profiles_at_their_bounds():
    for good in ({"cap": 1}, {"cap": 4096}, {"strict": 1.0}, {"strict": 0.01}, {"protect": ()}):
        PrivacySettings(**good)
    for wrong in ({"cap": 4097}, {"cap": 0}, {"strict": 0.0}, {"strict": 1.01}):
        with pytest.raises(ProfileError):
            PrivacySettings(**wrong)
    assert PrivacySettings().cap == 64
    assert not PrivacySettings().third_gender
    assert PrivacySettings(protect=["age"]).protect == ("age",)
    assert list(PrivacySettings(protect=("age",), always_on=("gender",)).protected()) == [
        "gender", "age"
    ]  # fmt: skip
    both = list(PrivacySettings(always_on=("gender",)).protected())
    assert both == [name for name, one in attributes().items() if one.default]
    with pytest.raises(ProfileError) as caught:
        PrivacySettings(groups={"age": "nothing"})
    assert "grown" in caught.value.expected
    assert expand("a woman", PrivacySettings(cap=2)).candidates.n == 2
    assert refusal("a woman", cap=1).code == "set_too_large"


def test_groups_hold_the_value_or_say_so():
    age = attributes()["age"]
    assert age.group_of("child", None) == age.values
    assert "child" in age.group_of("child", "halves")
    with pytest.raises(TaxonomyError):
        age.group_of("ancient", "halves")


# ---- candidates


def test_mentions_say_where_and_of_whom():
    found = expand("a tired woman and her dog", negative="an old man")
    assert [(m.text, m.attributes, m.mention, m.negative) for m in found.mentions] == [
        ("woman", ("gender",), 0, False),
        ("her", ("gender",), 0, False),
        ("old man", ("gender", "age"), 1, True),
    ]
    assert found.normalised_negative == "an old man"
    assert found.clear == ("a", "tired", "and", "dog")
    assert repr(found) == "Expansion(n=16, redacted)"
    own = found.choice.reveal()
    assert found.candidates.prompts[own] == "a tired woman and her dog"
    assert found.candidates.negatives[own] == "an old man"


def test_a_blank_negative_prompt_is_none():
    found = expand("a woman", negative="  ")
    assert (found.candidates.negatives, found.normalised_negative) == ((), None)


def test_negative_mentions_are_counted_after_the_prompts():
    found = expand("a dog", negative="a man").candidates
    assert [one.mention for one in found.attributes] == [0]
    both = expand("a man and a woman", negative="a king").candidates
    assert [one.mention for one in both.attributes] == [0, 1, 2]


def test_the_cap_counts_prompt_times_negative():
    assert expand("a woman", PrivacySettings(cap=4), "a man").candidates.n == 4
    with pytest.raises(PromptRefused) as caught:
        expand("a woman", PrivacySettings(cap=3), "a man")
    assert (caught.value.code, caught.value.text) == ("set_too_large", "woman")
    assert len(caught.value.hint) == 3
    with pytest.raises(PromptRefused) as caught:
        expand("a dog", PrivacySettings(cap=1), "a man")
    assert (caught.value.code, caught.value.text) == ("set_too_large", "man")


def test_unprotected_is_the_prompt_itself():
    found = unprotected("a  womman", negative="ugly")
    assert found.candidates.prompts == ("a  womman",)
    assert found.candidates.negatives == ("ugly",)
    assert (found.candidates.attributes, found.mentions, found.clear) == ((), (), ())
    assert (found.normalised, found.normalised_negative) == ("a  womman", "ugly")
    assert found.choice.reveal() == 0
    assert unprotected("a dog").candidates.negatives == ()
    assert found.candidates.table_version == expand("a dog").candidates.table_version


# ---- normal form


def test_lengths_at_the_limit():
    assert len(normalise.normalise("a" * 5000)) == 5000
    for text in ("a" * 5001, "é" + "\ufdfa" * 400):
        with pytest.raises(PromptRefused) as caught:
            normalise.normalise(text)
        assert caught.value.code == "too_long"


@pytest.mark.parametrize(
    "text, clean",
    [
        ("the `old` man’s “hat”", "the 'old' man's \"hat\""),
        ("a `man`", "a 'man'"),
        ("wo\u200bman\u00ad", "woman"),
        ("a\u2011b", "a-b"),
        ("\ta\n b ", "a b"),
        ("ｗｏｍａｎ", "woman"),
        ("a [woman]", "a [woman]"),
        ("a | b", "a | b"),
        ("(a:1.2)", "(a:1.2)"),
        ("a < b", "a < b"),
        ("a__ b", "a__ b"),
        ("[a] | b", "[a] | b"),
        ("👩\u200d⚕️", "👩\u200d⚕️"),
        ("café", "café"),
    ],
)
def test_the_normal_form(text, clean):
    assert normalise.normalise(text) == clean


@pytest.mark.parametrize(
    "text, code, word",
    [
        ("", "empty_prompt", ""),
        ("{a|b} woman", "prompt_syntax", "{"),
        ("a} woman", "prompt_syntax", "}"),
        ("[a|b] woman", "prompt_syntax", "|"),
        ("[a:b] woman", "prompt_syntax", "[:]"),
        ("<lora:x:1> a man", "prompt_syntax", "<lora:"),
        ("__hair__ woman", "prompt_syntax", "__"),
        ("Женщина", "other_language", "Женщина"),
        ("a wоman", "mixed_scripts", "wоman"),
        ("a\x00b", "control_character", "U+0000"),
        ("a \ud800 woman", "control_character", "U+D800"),
    ],
)
def test_what_cannot_be_read_is_named(text, code, word):
    error = refusal(text)
    assert (error.code, error.text) == (code, word)
    assert error.hint == ("rephrase", "draw it on this device alone (--device-only)")


def test_imitated_and_spelled_letters():
    assert normalise.plain("w0m4n$!13457@") == "womansiieasta"
    assert normalise.spelled_out("see w o m a n and w.o.m-a*n or a b") == ["woman", "woman"]
    assert normalise.spelled_out("a woman") == []
    assert slips._edits("woman", "womn")
    assert slips._edits("womn", "woman")
    assert slips._edits("woman", "wmoan")
    assert slips._edits("woman", "wonan")
    assert slips._edits("woman", "woman")
    for other in ("wmoen", "womanly", "wonam", "xoxan", "wo"):
        assert not slips._edits("woman", other)
    for word, meant in (
        ("womam", "woman"), ("w0man", "woman"), ("grils", None), ("tabel", None), ("wom", None),
        ("ch1nese", "chinese"), ("4k", None), ("m4n", "man"), ("woma1n", None),
    ):  # fmt: skip
        assert slips.slip(word) == meant, word


# ---- ages


def test_years_fall_into_buckets():
    assert [ages.bucket(years) for years in (1, 17, 18, 39, 40, 59, 60, 99)] == [
        "child", "child", "young", "young", "middle-aged", "middle-aged", "elderly", "elderly",
    ]  # fmt: skip
    assert ages.figure(11, "child") == ("girl", "child")
    assert ages.figure(12, "child") == ("woman", "child")
    assert ages.figure(20, "child") == ("girl", "young")
    assert ages.figure(50, "child") is None
    assert ages.figure(9, "adult") is None
    assert ages.figure(41, "adult") == ("girl", "middle-aged")
    assert ages.figure(61, "adult") == ("girl", "elderly")
    assert ages.figure(40, "adult") == ("woman", "middle-aged")
    assert ages.figure(20, "adult") == ("woman", "young")
    assert ages.figure(10, "") == ("woman", "child")
    assert ages.figure_text("aged ", "!", "girl", "middle-aged") == "aged 41!"
    assert [ages.noun_is_child(s, a) for s in ("woman", "girl") for a in ages.AGES] == [
        True, False, False, False, True, True, False, False,
    ]  # fmt: skip


def test_decades():
    found = {word: ages.decade(word) for word in
             ("10s", "20s", "30s", "90s", "00s", "120s", "thirties", "nineties", "teens", "prime",
              "childhood", "2os", "dress")}  # fmt: skip
    assert found == {
        "10s": ("figures", "child"), "20s": ("figures", "young"), "30s": ("figures", "young"),
        "90s": ("figures", "elderly"), "00s": None, "120s": None, "thirties": ("words", "young"),
        "nineties": ("words", "elderly"), "teens": ("teens", "child"), "prime": ("teens", "young"),
        "childhood": ("words", "child"), "2os": None, "dress": None,
    }  # fmt: skip


def test_every_age_word_reads_back():
    for name, style in ages.STYLES.items():
        for age in ages.AGES:
            for place in ("neutral", "solo"):
                assert ages.decode(style.word(age, place), place) == (name, age)
            for place in ("near", "far"):
                noun = "child" if age == "child" else "adult"
                assert ages.decode(style.word(age, place), place, noun) == (name, age)
    assert ages.decode("purple", "solo") is None


@pytest.mark.parametrize(
    "text, member",
    [
        ("a man in his early 30s", "a woman in her early 70s"),
        ("a woman in her late forties", "a man in his late twenties"),
        ("a four year old boy", "an 8 year old girl"),
        ("a twenty-one-year-old woman", "a 45-year-old man"),
        ("an 11-year-old girl", "a 20-year-old boy"),
        ("a man (45 years old)", "a girl (8 years old)"),
        ("a child actor", "a young actress"),
        ("a baby girl", "a baby boy"),
        ("the young man", "the girl"),
        ("an old woman", "a little boy"),
        ("an elderly person", "a child"),
        ("portrait, elderly, smiling, person", "portrait, little, smiling, child"),
        ("A YOUNG WOMAN", "A BOY"),
        ("portrait of An Old Man", "portrait of A Little Girl"),
        ("the girls' school", "the young women's school"),
        ("THE WOMEN'S TEAM", "THE MEN'S TEAM"),
        ("a man, aged 70", "a girl, aged 8"),
        ("1girl", "1boy"),
    ],
)
def test_a_member_of_the_set(text, member):
    found = prompts(text)
    assert member in found
    assert prompts(member) == found


def test_spelled_figures():
    assert spelled.figures_in_digits("a Forty-two-year-old, a nineteen year old, a year") == (
        "a 42-year-old, a 19 year old, a year"
    )
    assert spelled.figures_in_digits("forty two apples") == "forty two apples"
    assert [spelled._number(words) for words in ("one", "twenty", "ninety nine", "twelve")] == [
        1, 20, 99, 12,
    ]  # fmt: skip
    assert shape("a 130-year-old tower") == []
    assert shape("a 130-year-old man") == [("age", 0), ("gender", 1)]
    assert shape("a 120-year-old man") == [("age", 0), ("gender", 1)]


# ---- articles, pronouns, persons


def test_articles():
    an = [
        *("hour", "honest", "heir", "honorable", "honour", "8-year", "11", "18", "80", "81", "ox"),
        *("unimportant", "uninvited", "FBI", "NASA", "MRI", "XL-SIZED", "'apple", "(old", '"old'),
        *("umbrella", "apple", "egg", "island"),
    ]
    a = [
        *("university", "european", "one-eyed", "once", "used", "usual", "uk", "118", "180", "111"),
        *("1", "USA", "utility", "man", "Hat", "unicorn", "house", "19", "1800", "use", "uyghur"),
        *("ugandan", "ural", "utah", "Fbi"),
    ]
    assert [word for word in an if article_for(word) != "an"] == []
    assert [word for word in a if article_for(word) != "a"] == []


CASES = [
    ("give it to her", ["her", "him"]),
    ("the book is hers", ["hers", "his"]),
    ("a friend of hers", ["hers", "his"]),
    ("he did it himself", ["he", "himself"]),
    ("a dog follows her closely", ["her", "him"]),
    ("a dog follows her everywhere", ["her", "him"]),
    ("let her go", ["her", "him"]),
    ("give her flowers", ["her", "him"]),
    ("watch her dancing", ["her", "him"]),
    ("a dog with her sleeping", ["her"]),
    ("a dog behind her barking", ["her", "him"]),
    ("a dog like her", ["her", "him"]),
    ("her own dog", ["her", "his"]),
    ("his and her towels", ["his", "her"]),
]


@pytest.mark.parametrize("text, words", CASES, ids=[text for text, _ in CASES])
def test_the_case_of_a_pronoun_is_read_from_its_place(text, words):
    spoken = " ".join(prompts(text)).split()
    for word in words:
        assert word in spoken


def test_the_topic_of_pronouns():
    topic = Topic()
    topic.person(3)
    assert (topic.pronoun("subject"), topic.pronoun("object")) == (3, 3)
    topic.end_sentence()
    assert topic.pronoun("determiner") == 3
    topic.end_sentence()
    topic.person(9)
    assert topic.pronoun("determiner") == 9
    assert topic.pronoun("object") == ("oblique", 2, 0, 0)
    topic.person(12)
    assert topic.pronoun("determiner") == ("oblique", 2, 0, 0)
    assert topic.pronoun("reflexive") == ("several", 2)
    topic.end_sentence()
    assert topic.pronoun("subject") == ("several", 3)


def test_the_topic_of_pronouns_without_a_noun():
    topic = Topic()
    assert topic.pronoun("determiner") == ("free", 0)
    assert topic.pronoun("subject") == ("free", 0)
    assert topic.pronoun("object") == ("oblique", 0, 0, 0)
    assert topic.pronoun("subject") == ("clause", 1)
    assert topic.pronoun("reflexive") == ("clause", 1)
    assert topic.pronoun("subject") == ("clause", 2)


def test_each_clause_that_a_pronoun_opens_has_its_own_object():
    topic = Topic()
    assert topic.pronoun("subject") == ("free", 0)
    assert topic.pronoun("determiner") == ("free", 0)
    assert topic.pronoun("object") == ("oblique", 0, 0, 0)
    assert topic.pronoun("determiner") == ("owner", "oblique", 0, 0, 0)
    assert topic.pronoun("subject", opens=True) == ("clause", 1)
    assert topic.pronoun("object") == ("oblique", 0, 0, 1)


def test_the_object_of_the_only_persons_verb_is_somebody_else():
    topic = Topic()
    topic.person(1)
    assert topic.other(4) == ("oblique", 0, 0, 0)
    assert topic.pronoun("determiner") == ("owner", "oblique", 0, 0, 0)


def test_the_topic_of_a_sentence_that_opens_with_a_pronoun():
    topic = Topic()
    topic.person(1)
    topic.end_sentence()
    assert topic.pronoun("subject") == 1
    topic.person(7)
    assert topic.pronoun("subject") == 1
    assert topic.pronoun("reflexive") == 1
    topic.end_sentence()
    assert topic.pronoun("determiner") == 1
    topic.person(20)
    assert topic.pronoun("determiner") == ("oblique", 2, 0, 0)


@pytest.mark.parametrize(
    "many", ["a", "an", "the", "two", "three", "four", "five", "some", "many", "several", "few"]
)
def test_an_adjective_after_a_determiner_is_a_person(many):
    assert shape(f"{many} blind") == [("disability", 0)]


@pytest.mark.parametrize(
    "who", ["someone", "somebody", "anyone", "anybody", "everyone", "everybody"]
)
def test_an_adjective_after_a_word_for_anybody_is_a_persons(who):
    assert shape(f"{who} blind") == [("disability", 0)]


@pytest.mark.parametrize(
    "text, found",
    [
        ("a black dress", []),
        ("a black man", [("ethnicity", 0), ("gender", 1)]),
        ("a black, tired man", [("ethnicity", 0), ("gender", 1)]),
        ("a black and white man", [("gender", 0)]),
        ("a Chinese doctor's coat", []),
        ("a blind bagpiper", [("disability", 0)]),
        ("a blind date", []),
        ("the singer is blind", [("disability", 0)]),
        ("the house is blind", []),
        ("a black car mechanic", [("ethnicity", 0)]),
        ("a black horse trainer", []),
        ("a black coffee lover", []),
        ("black and white dancers", [("ethnicity", 0), ("ethnicity", 1)]),
        ("a Chinese car mechanic", [("nationality", 0)]),
        ("Chinese", []),
    ],
)
def test_whose_word_it_is(text, found):
    assert shape(text) == found


def test_names_and_credits():
    assert refusal("Emma Stone walks").code == "named_person"
    assert shape("Emma walks") == [("gender", 0), ("ethnicity", 0)]
    assert shape("Emma Walking") == [("gender", 0), ("ethnicity", 0)]
    assert shape("a house by Emma Stone") == []
    assert shape("a house by emma monk") == []
    assert shape("a house in the style of Emma Stone") == []
    assert shape("a house by the woman") == [("gender", 0)]
    assert shape("a house by night, Emma") == [("gender", 0), ("ethnicity", 0)]


def test_contradictions_name_the_word():
    error = refusal("a 50-year-old girl")
    assert (error.code, error.text) == ("contradiction", "50-year-old")


def test_latino_agrees():
    found = prompts("a Latina woman")
    assert "a Latino man" in found
    assert refusal("a Latino woman").code == "contradiction"


def test_the_same_man_again():
    assert shape("A man. The man walks.") == [("gender", 0)]
    assert shape("A man. A man walks.") == [("gender", 0), ("gender", 1)]
    assert shape("A man and a woman. The man walks.") == [
        ("gender", 0), ("gender", 1), ("gender", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sign, found",
    [
        ("👩", ("👧", "👩", "👵", "👦", "👨", "👴")),
        ("🧑🏽", None),
        ("👸", ("👸", "🤴")),
        ("👩\u200d⚕️", ("👩\u200d⚕️", "👨\u200d⚕️")),
        ("🏃\u200d♀️", ("🏃\u200d♀️", "🏃\u200d♂️")),
        ("👍🏽", ("👍🏻", "👍🏼", "👍🏽", "👍🏾", "👍🏿")),
    ],
)
def test_signs_of_people(sign, found):
    members = prompts(f"{sign} at home")
    if found is not None:
        assert members == tuple(f"{one} at home" for one in found)
    assert f"{sign} at home" in members


@pytest.mark.parametrize("sign", ["👪", "👨\u200d👩\u200d👧", "👭"])
def test_signs_of_several_people_are_refused(sign):
    assert refusal(f"{sign} at home").code == "group_emoji"


def test_the_child_rule():
    for text in ("a nude boy", "a sexy girl", "a chubby nude child"):
        assert refusal(text).code == "child_rule"
    for text in ("a nude young woman", "a young wife", "a young lesbian woman"):
        for member in prompts(text):
            assert not {"girl", "boy", "child", "little"} & set(member.split())


# ---- leakage: the arithmetic, on counts small enough to check by hand


@pytest.fixture
def few(monkeypatch):
    counts = leakage._Counts(
        attributes={"gender": {"pull": 2.0, "power": 0.5}},
        shares={"gender": {"woman": 0.5, "man": 0.5}},
        words={
            "beard": {"gender": [1, 19]},
            "tie": {"gender": [5, 15]},
            "cup": {"gender": [9, 10]},
        },
        forms={"old king": 7},
        singles={"woman": 60, "man": 40, "old": 10},
        written=1000,
    )
    monkeypatch.setattr(leakage, "_counts", lambda: counts)


def test_hints_are_values_made_likelier(few):
    assert leakage._hints("beard") == {"gender": ["man"]}
    assert leakage._hints("cup") == {}
    assert leakage._hints("nothing") == {}
    exact = leakage._counts()
    exact.words["edge"] = {"gender": [65, 135]}  # just LIFT times its share
    assert leakage._hints("edge") == {"gender": ["man"]}


def test_forms_weigh_what_is_written(few):
    found = leakage._forms("gender", ("woman", "man"), [["a", "woman"], ["a", "man"]])
    assert found == pytest.approx({"woman": 60.05 / 100.1, "man": 40.05 / 100.1})
    pronouns = leakage._forms("gender", ("woman", "man"), [["woman", "she"], ["man", "he"]])
    assert pronouns == pytest.approx(found)
    nothing = leakage._forms("gender", ("woman", "man"), [["a"], ["a", "man"]])
    assert nothing == pytest.approx({"woman": 0.5, "man": 0.5})
    other = leakage._forms("city", ("x", "y"), [["woman"], ["man"]])
    assert other == pytest.approx({"x": 60.05 / 100.1, "y": 40.05 / 100.1})


def test_a_form_never_written_counts_its_words(few):
    assert leakage._written(["old", "king"]) == 7.0
    assert leakage._written(["woman"]) == 60.0
    assert leakage._written(["xx"]) == 0.5
    assert leakage._written(["old", "xx"]) == pytest.approx(1000 * (10.5 / 1000) * (0.5 / 1000))


def test_clear_words_shift_the_guess(few):
    even = {"woman": 0.5, "man": 0.5}
    assert leakage._posterior("gender", even, []) == pytest.approx(even)
    assert leakage._posterior("gender", even, ["unknown"]) == pytest.approx(even)
    odds = (19 + 1) / (1 + 1)
    one = leakage._posterior("gender", even, ["beard"])
    assert one["man"] == pytest.approx(odds / (1 + odds))
    both = (odds * (15 + 1) / (5 + 1)) ** (2**-0.5)
    two = leakage._posterior("gender", even, ["beard", "tie"])
    assert two["man"] == pytest.approx(both / (1 + both))
    assert leakage._posterior("city", {"x": 0.25, "y": 0.75}, ["beard"])["y"] == pytest.approx(0.75)
    part = leakage._posterior("gender", {"man": 1.0}, ["beard"])
    assert part == {"man": 1.0}


def test_the_report_on_few_counts(few):
    found = leakage.report(expand("a man with a Beard and a tie, a beard", negative="a woman"))
    assert [(one["text"], one["hints"]) for one in found.clear] == [
        ("with", {}), ("Beard", {"gender": ["man"]}), ("and", {}), ("tie", {"gender": ["man"]}),
    ]  # fmt: skip
    alone = leakage.report(expand("a man with a beard")).best_guess["gender"]
    odds = 10 * 40.05 / 60.05
    assert alone == round(odds / (1 + odds), 4)
    assert leakage.exceeding(found, found.best_guess["gender"]) == ()
    assert leakage.exceeding(found, 0.5) == ("gender",)
    with pytest.raises(PromptRefused) as caught:
        leakage.strict(found, 0.5)
    assert (caught.value.code, caught.value.text) == ("guessable", "Beard")
    assert "Beard, tie" in caught.value.message
    silent = leakage.report(expand("a man"))
    with pytest.raises(PromptRefused) as caught:
        leakage.strict(silent, 0.5)
    assert caught.value.text == ""
    assert leakage.words_in("A man's_hat, 8k") == ["a", "man's", "hat", "8k"]


def test_slots_compare_members_that_differ_in_one_alone(few):
    found = CandidateSet(
        ("woman old", "woman xx", "man old", "man xx"),
        (),
        expand("a young woman", PrivacySettings(groups={"age": "halves"})).candidates.attributes,
        "",
    )
    names = [(name, mention) for name, mention, _ in leakage._slots(found)]
    assert names == [("gender", 0), ("age", 0)]
    (_, _, gender), (_, _, age) = leakage._slots(found)
    assert gender["woman"] == pytest.approx(60.05 / 100.1)
    first, second = age.values()
    assert first > 0.9 > second


# ---- history


def test_a_disclosure_and_its_summary(tmp_path: Path, monkeypatch) -> None:
    found = history.disclosure(expand("a young woman and her dog", negative="a man"))
    assert found.template == "[...] and [...] dog (not: a [...])"
    assert found.n == 16
    assert len(found.template_hash) == 64
    plain = history.disclosure(expand("a woman"))
    assert plain.template == "a [...]"
    assert plain.template_hash != found.template_hash
    assert history.masked(("a b c", "a x y")) == "a [...]"
    assert history.masked(("a b c d", "a x c y")) == "a [...] c [...]"
    meter = history.History(tmp_path / "deep" / "er" / "file.sqlite3")
    assert meter.told() == ()
    meter.record("b", plain, when=2.0)
    meter.record("b", found, when=0.0)
    meter.record("a", plain)
    first, second = meter.told()
    assert (first.cloud, second.cloud) == ("a", "b")
    assert first.first > 1e9
    shown = second.as_dict()
    assert shown["attributes"] == {"gender": 2, "age": 1}
    assert shown["groups"][0] == {
        "attribute": "age", "values": list(attributes()["age"].values), "requests": 1
    }  # fmt: skip
    assert (shown["cloud"], shown["requests"], shown["templates"]) == ("b", 2, 2)
    assert (shown["first"], shown["last"]) == (0.0, 2.0)
    assert (shown["smallest_n"], shown["largest_n"]) == (2, 16)
    assert [row.cloud for row in meter.told("a")] == ["a"]
    with sqlite3.connect(meter.path) as database:
        assert [name for (name,) in database.execute("SELECT attribute FROM named LIMIT 1")]
    (tmp_path / "deep" / "er" / "file.sqlite3-wal").write_text("")
    assert meter.delete() == 3
    assert list((tmp_path / "deep" / "er").iterdir()) == []


def test_where_the_history_lies(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("OBCLIP_HISTORY", str(tmp_path / "x"))
    assert history.default_path() == tmp_path / "x"
    monkeypatch.delenv("OBCLIP_HISTORY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert history.default_path() == tmp_path / "obclip" / "history.sqlite3"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert history.default_path() == tmp_path / ".local/share/obclip/history.sqlite3"
    assert history.History().path == history.default_path()


def test_an_unusable_history_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ObclipError) as caught:
        history.History(tmp_path / "file" / "under").record(
            "a", history.disclosure(expand("a man"))
        )
    assert caught.value.code == "history_unusable"


# ---- custom lists


def test_custom_lists_at_their_bounds(tmp_path: Path) -> None:
    many = tuple(f"City{n}" for n in range(65))
    assert len(CustomAttribute("city", many[:64], (many[:64],)).values) == 64
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", many, (many,))
    full = tuple((f"A{n}", f"B{n}") for n in range(201))
    assert len(CustomAttribute("city", ("a", "b"), full[:200]).rows) == 200
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), full)
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), ())
    with pytest.raises(TaxonomyError):
        CustomAttribute("City", ("a", "b"), (("Xa", "Xb"),))
    with pytest.raises(TaxonomyError):
        CustomAttribute("a city", ("a", "b"), (("Xa", "Xb"),))
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), (("Xa", "Xb"),), (("any", False), ("any", False)))
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), (("X" * 61, "Xb"),))
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), (("Xa  Xc", "Xb"),))
    assert CustomAttribute("city", ("a", "b"), (("X" * 60, "Xb"),)).default
    assert CustomAttribute("city", ("a", "b"), (("Xa", "Xb"),)).kinds == (("any", False),)
    big = tmp_path / "big.toml"
    text = 'name = "city"\nvalues = ["Oslo", "Rome"]\n'
    big.write_text(text + "#" * (262_144 - len(text)))
    assert load_custom(big).name == "city"
    big.write_text(text + "#" * (262_145 - len(text)))
    with pytest.raises(TaxonomyError):
        load_custom(big)


def test_a_custom_list_with_rows_of_all_kinds():
    found = custom.parse_custom(
        'name = "team"\nvalues = ["red", "blue"]\nprotect = false\n'
        'forms = [["Redtown", "Bluetown"]]\n'
        '[[rows]]\nkind = "noun"\nplural = true\nforms = ["redlings", "bluelings"]\n'
        '[[rows]]\nkind = "adj"\nforms = ["reddly", "bluely"]\n'
        '[groups]\none = [["red"], ["blue"]]\n'
    )
    assert not found.default
    assert found.kinds == (("any", False), ("noun", True), ("adj", False))
    assert found.groupings == (("one", (("red",), ("blue",))),)
    rows = found.lexicon_rows()
    assert [(row.name, row.kind, row.plural) for row in rows] == [
        ("team:Redtown", "any", False), ("team:redlings", "noun", True),
        ("team:reddly", "adj", False),
    ]  # fmt: skip
    assert rows[0].forms == {("red",): "Redtown", ("blue",): "Bluetown"}
    attribute = found.attribute()
    assert (attribute.name, attribute.values, attribute.optional) == (
        "team", ("red", "blue"), frozenset(),
    )  # fmt: skip
    assert attribute.groupings == {"one": (("red",), ("blue",))}
    profile = PrivacySettings(custom=(found,), protect=("team",))
    assert expand("a house in Redtown", profile).candidates.n == 2
    assert expand("a house in Redtown", PrivacySettings(custom=(found,))).candidates.n == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ('name = "c"\nvalues = ["A1", "B1"]\nprotect = 1', "needs a name"),
        ('name = "c"\nvalues = []', "not a list of words"),
        ('name = "c"\nvalues = ["A1", "B1"]\nforms = 3', "not a list"),
        ('name = "c"\nvalues = ["A1", "B1"]\nrows = [3]', "not a table"),
        ('name = "c"\nvalues = ["A1", "B1"]\ngroups = 3', "not a table"),
        ('name = "c"\nvalues = ["A1", "B1"]\n[[rows]]\nplural = 1\nforms = ["A1", "B1"]', "plural"),
        ('name = "c"\nvalues = ["A1", "B1"]\n[[rows]]\nkind = 1\nforms = ["A1", "B1"]', "kind"),
        ('name = "c"\nvalues = ["A1", "B1"]\n[[rows]]\nx = 1\nforms = ["A1", "B1"]', "unknown key"),
    ],
)
def test_more_broken_lists(text, message):
    with pytest.raises(TaxonomyError, match=message) as caught:
        custom.parse_custom(text)
    assert caught.value.code == "custom_list"
    assert caught.value.action == "correct the list; nothing was sent"


# ---- the table and its reading


def test_plurals_by_rule():
    for one, many in (
        ("woman", "women"), ("fireman", "firemen"), ("person", "people"), ("child", "children"),
        ("german", "germans"), ("human", "humans"), ("lady", "ladies"), ("boy", "boys"),
        ("boss", "bosses"), ("witch", "witches"), ("fox", "foxes"), ("old lady", "old ladies"),
        ("woman of African descent", "women of African descent"), ("girl", "girls"),
        ("man of faith", "men of faith"),
    ):  # fmt: skip
        assert lexicon.plural_of(one) == many


def test_rows_know_their_capitals():
    rows = lexicon.lexicon().rows
    assert next(row for name, row in rows.items() if name.startswith("adj:")).proper
    assert not rows["person.sg"].proper
    assert lexicon.words_of("Middle-aged o'clock") == ("middle", "aged", "o", "'", "clock")


def test_the_table_with_a_third_gender():
    assert "a nonbinary person" in prompts("a woman", third_gender=True)
    assert prompts("she smiled", third_gender=True) == ("she smiled", "he smiled", "they smiled")
    assert len(prompts("she smiles")) == 2


def test_units_keep_their_places():
    table = lexicon.lexicon()
    units = scan.scan("A middle-aged wom an, 25-year-old", table)
    assert [(u.text, u.gap, u.start, u.end) for u in units][:2] == [
        ("A", False, 0, 1), ("middle-aged", True, 2, 13),
    ]  # fmt: skip
    figure = units[-1]
    assert (figure.text, figure.key, figure.figure) == (
        "25-year-old", "#-year-old", ("", "-year-old", 25),
    )  # fmt: skip
    figure.unmask()
    assert (figure.key, figure.figure, figure.row, figure.values) == ("25-year-old", None, None, ())
    (aged,) = (u for u in scan.scan("a man, aged 70", table) if u.figure)
    assert (aged.figure, aged.key) == (("aged ", "", 70), "#aged ")


# ---- audit


def test_the_quantiles_and_scores():
    assert [audit.share([3, 1, 2], at) for at in (0, 0.5, 0.99, 1)] == [1, 2, 3, 3]
    with pytest.raises(ObclipError):
        audit.share([], 0.5)
    score = audit.Score(labelled=4, found=3, reported=5, right=4)
    assert (score.recall, score.precision) == (0.75, 0.8)
    assert (audit.Score().recall, audit.Score().precision) == (None, None)
    assert audit._places("abc", "abc") == [0, 1, 2]
    assert audit._places("ab cd", "ab xcd") == [0, 1, 2, 4, 5]
    assert audit._places("abXcd", "abcd")[3:] == [2, 3]


def test_the_version_is_the_digest_of_the_files():
    digest = hashlib.sha256()
    for name in taxonomy.FILES:
        digest.update(name.encode() + b"\0" + (taxonomy.DATA / name).read_bytes() + b"\0")
    assert taxonomy.table_version() == digest.hexdigest()[:12]


def test_a_second_look_at_each_slot(few):
    slots = expand("a young woman", PrivacySettings(groups={"age": "halves"})).candidates
    found = CandidateSet(("xx", "woman", "yy", "man"), (), slots.attributes, "")
    (_, _, gender), (_, _, age) = leakage._slots(found)
    assert gender["woman"] == pytest.approx(60.05 / 100.1)
    assert sorted(age.values())[1] > 0.9
    with_negatives = CandidateSet(("a", "a"), ("woman", "man"), slots.attributes[:1], "")
    ((_, _, gender),) = leakage._slots(with_negatives)
    assert gender["woman"] == pytest.approx(60.05 / 100.1)


def test_a_mention_is_the_prompts_unless_said():
    assert not Mention(0, 1, "x", ("gender",), 0).negative


@pytest.mark.parametrize(
    "text, found",
    [
        ("his and her towels", [("gender", 0), ("gender", 1)]),
        ("his or her towels", []),
        (
            "a woman in her 30s with a young man",
            [("gender", 0), ("age", 1), ("gender", 2), ("age", 2)],
        ),
        ("Emma's hat", [("gender", 0), ("ethnicity", 0)]),
    ],
)
def test_how_many_slots(text, found):
    assert shape(text) == found


@pytest.mark.parametrize(
    "text, member",
    [
        ("Emma's hat", "Mei's hat"),
        ("A king's hat", "A queen's hat"),
        ("the KING'S hat", "the QUEEN'S hat"),
        ("the kings' hats", "the queens' hats"),
        ("the actresses' hats", "the actors' hats"),
        ("An actor and an actress", "An actress and an actor"),
        ("AN ACTOR", "AN ACTRESS"),
        ("A Man And A Dog", "A Woman And A Dog"),
        ("Man with a hat", "Woman with a hat"),
        ("a hat. Man with a hat", "a hat. Woman with a hat"),
        ("a hat! She smiles", "a hat! He smiles"),
        ("Old man", "Little girl"),
        ("An 8-year-old girl", "A 25-year-old man"),
    ],
)
def test_capitals_articles_and_possessives(text, member):
    found = prompts(text)
    assert text in found
    assert member in found


TWINS = [
    ("near her.", "near him."),
    ("behind her smiling happily", "behind him smiling happily"),
    ("give her a hat", "give him a hat"),
    ("make her smile", "make him smile"),
    ("see her run fast", "see him run fast"),
    ("watch her smiling", "watch him smiling"),
    ("gives her quickly a hat", "gives him quickly a hat"),
    ("meets her slowly.", "meets him slowly."),
    ("her lovely hat", "his lovely hat"),
    ("her daily bread", "his daily bread"),
    ("pulls her inside", "pulls him inside"),
    ("her left hand", "his left hand"),
    ("in her front yard", "in his front yard"),
    ("her reading glasses", "his reading glasses"),
    ("her painting", "his painting"),
    ("on her back", "on his back"),
    ("a dog with her and a cat", "a dog with him and a cat"),
    ("her, smiling", "him, smiling"),
    ("her 'hat'", "his 'hat'"),
    ("(her hat)", "(his hat)"),
    ("help her up", "help him up"),
    ("take her home", "take him home"),
    ("the book is hers, then", "the book is his, then"),
    ("the book was hers for a day", "the book was his for a day"),
    ("a friend of hers, smiling", "a friend of his, smiling"),
    ("her", "him"),
]


@pytest.mark.parametrize("text, twin", TWINS, ids=[text for text, _ in TWINS])
def test_the_twin_of_a_pronoun(text, twin):
    assert prompts(text) == (text, twin)
    assert prompts(twin) == (text, twin)


@pytest.mark.parametrize("text", ["a table of hers", "hers", "hers hat", "give it to hers"])
def test_a_case_that_cannot_be_is_refused(text):
    assert (refusal(text).code, refusal(text).text) == ("pronoun_case", "hers")


@pytest.mark.parametrize(
    "text, found",
    [
        ("the man is black", [("gender", 0), ("ethnicity", 1)]),
        ("the dress is black", []),
        ("the woman was pale and tired", [("gender", 0), ("skin_tone", 1)]),
        ("she is white", [("gender", 0), ("ethnicity", 1)]),
        ("he is blind", [("gender", 0), ("disability", 1)]),
        ("a man. It is blind", [("gender", 0)]),
        ("a man whose car is black", [("gender", 0)]),
        ("the man's car is Chinese", [("gender", 0)]),
        ("the singer is white", [("ethnicity", 0)]),
        ("the wall is white", []),
        ("a man, pale, smiling", [("gender", 0), ("skin_tone", 1)]),
        ("a hat, white, a man", [("gender", 0)]),
        ("a hat, blind, a man", [("disability", 0), ("gender", 1)]),
        ("a hat, blind, a dog", []),
        ("a woman (blind) smiling", [("gender", 0), ("disability", 1)]),
        ("the king is old", [("gender", 0), ("age", 1)]),
    ],
)
def test_adjectives_after_the_noun(text, found):
    assert shape(text) == found


@pytest.mark.parametrize("text", ["[a] b: c", "a man [b] | c", "a [b] (c:1.2)", "[[a] b] c: d"])
def test_brackets_that_choose_nothing(text):
    assert normalise.normalise(text) == text


def test_brackets_inside_brackets():
    assert refusal("[[a] b: c] man").text == "[:]"
    assert refusal("[[a] b| c] man").text == "|"


@pytest.mark.parametrize(
    "text, n, last",
    [
        ("she is a queen", 2, "he is a king"),
        ("she is the queen", 2, "he is the king"),
        ("she was my mother", 2, "he was my father"),
        ("she's our mother", 2, "he's our father"),
        ("she is a happy old woman", 8, "he is a happy old man"),
        ("she and a king are here", 4, "he and a king are here"),
        ("a woman is a queen", 4, "a man is a king"),
        ("a smile. She is an actress", 2, "a smile. He is an actor"),
        ("a witch and her cat", 2, "a wizard and his cat"),
        ("young hippie woman", 8, "elderly hippie man"),
        ("a young baseball player", 4, "an elderly baseball player"),
        ("a child baseball player", 4, "an elderly baseball player"),
        ("a young happy king", 8, "an elderly happy king"),
        ("a baseball player, young", 4, "a baseball player, elderly"),
        ("a little girl with a small dog", 8, "an old man with a small dog"),
        ("the small woman", 2, "the small man"),
        ("a woman, younger", 8, "a man, aged"),
        ("a man in his mid 40s", 8, "a man in his mid 70s"),
        ("a man in his mid-40s", 8, "a man in his mid-70s"),
        ("a 5-year-old", 4, "a 70-year-old"),
        ("a 5-year-old dog", 1, "a 5-year-old dog"),
        ("5 year old child", 4, "70 year old person"),
        ("a child aged 5", 4, "a person aged 70"),
        ("an old photo of a woman", 2, "an old photo of a man"),
        ("the elderly", 4, "the elderly"),
        ("a young ork", 4, "an elderly ork"),
        ("an old ork", 1, "an old ork"),
        ("young, smiling", 1, "young, smiling"),
        ("female doctor", 2, "male doctor"),
        ("females", 2, "males"),
        ("the female", 2, "the male"),
        ("a male nurse and his hat", 2, "a male nurse and his hat"),
        ("a gay man", 6, "a bisexual man"),
        ("a Muslim monk", 12, "a Sikh monk"),
        ("a blind girl", 48, "an elderly autistic man"),
        ("a man with dark skin", 10, "a man with dark skin"),
        ("a dark-skinned child", 20, "an elderly dark-skinned person"),
        ("a German shepherd", 1, "a German shepherd"),
        ("a house by emma monk", 1, "a house by emma monk"),
    ],
)
def test_size_and_last_member(text, n, last):
    found = expand(text, PrivacySettings(cap=128)).candidates
    assert (found.n, found.prompts[-1]) == (n, last)


@pytest.mark.parametrize(
    "text, words",
    [
        ("a house by h. r. giger. A man", "by h . r . giger ."),
        ("a house by Emma Stone, a hat", "by Emma Stone , a hat"),
        ("a house by Emma Stone, Mary wears a hat", "by Emma Stone ,"),
        ("a house by Emma Stone, Mary smiling", "by Emma Stone ,"),
        ("by Emma Stone, Mary and hats", "by Emma Stone , Mary and hats"),
        ("by Emma Stone; a man", "by Emma Stone ;"),
        ("in the style of Emma", "of Emma"),
        ("style of Emma", "of Emma"),
        ("of Emma", ""),
        ("by the sea Emma", ""),
        ("by Emma and her dog Mary", "by Emma and her"),
        ("art by st. Emma! Mary", "by st . Emma !"),
        ("by Emma. A man", "by Emma ."),
    ],
)
def test_what_a_credit_covers(text, words):
    units = scan.scan(text, lexicon.lexicon())
    assert " ".join(units[i].text for i in sorted(credited_units(units))) == words


@pytest.mark.parametrize(
    "text, code, word",
    [
        ("a Native Japanese man", "unknown_person_word", "Native"),
        ("an enby person", "third_gender", "enby"),
        ("le chat et la table dans une maison", "other_language", "le"),
        ("el gato y la mesa", "other_language", "el"),
        ("grace kelly", "named_person", "grace"),
        ("Fox Kelly", "named_person", "Fox"),
        ("einstein on a bike", "named_person", "einstein"),
        ("a photo of einstein and a dog", "named_person", "einstein"),
        ("mujer", "other_language", "mujer"),
        ("g i r l s", "near_miss", "girls"),
        ("w0men", "near_miss", "w0men"),
        ("b0y", "near_miss", "b0y"),
        ("a boy and his girlfriend", "child_rule", "boy"),
        ("lesbian girl", "child_rule", "girl"),
        ("a fat boy", "child_rule", "boy"),
        ("a trans boy", "child_rule", "boy"),
    ],
)
def test_a_refusal_names_its_word(text, code, word):
    assert (refusal(text).code, refusal(text).text) == (code, word)


@pytest.mark.parametrize(
    "text",
    [
        "la la land", "grace", "fox hunting", "a dog by einstein", "a dog by mujer", "x y z w",
        "a blind computer", "two black smiling", "white", "a blind piano", "an old doctor's hat",
        "doctor young",
    ],
)  # fmt: skip
def test_nobody_is_meant(text):
    assert prompts(text) == (text,)


@pytest.mark.parametrize(
    "text, n, last",
    [
        ("a young bride", 6, "an elderly groom"),
        ("a fat young man", 6, "a fat elderly man"),
        ("a young woman in a bikini", 6, "an elderly man in a bikini"),
        ("blind, deaf man", 72, "autistic, autistic man"),
        ("blind and deaf man", 72, "autistic and autistic man"),
        ("blind & tired man", 12, "autistic & tired man"),
        ("blind - tired man", 12, "autistic - tired man"),
        ("a blind 25-year-old man", 48, "an autistic 70-year-old man"),
        ("a black house with a man", 2, "a black house with a man"),
        ("a black hat man", 2, "a black hat man"),
        ("a Chinese hat man", 12, "a Turkish hat man"),
        ("a very pale woman", 10, "a very dark-toned man"),
        ("a Chinese woman's black hat", 12, "a Turkish man's black hat"),
        ("an African, a dog", 6, "an Arab, a dog"),
        ("an African smiling", 6, "an Arab smiling"),
        ("two Chinese smiling", 6, "two Turkish smiling"),
        ("a man and white", 2, "a man and white"),
        ("Chinese and Japanese women", 72, "Turkish and Egyptian men"),
        ("a bagpiper, blind", 6, "a bagpiper, autistic"),
        ("a blind visitor", 6, "an autistic visitor"),
        ("a blind harpist", 6, "an autistic harpist"),
        ("a blind actor's dog", 12, "an autistic actor's dog"),
        ("4k man", 2, "4k man"),
    ],
)
def test_which_person_a_word_describes(text, n, last):
    found = expand(text, PrivacySettings(cap=128)).candidates
    assert (found.n, found.prompts[-1]) == (n, last)


def test_a_label_beside_a_mention_is_no_hit():
    text = "a man woman"
    labels = {"1": ((audit.Label(("gender",), "man", 2, 5, False),), False)}
    found = audit.measure([audit.Prompt(1, "1", text)], None, labels).scores["gender"]
    assert (found.labelled, found.found, found.reported, found.right) == (1, 1, 2, 1)
    touching = audit.Label(("gender",), " ", 5, 6, False)
    found = audit.measure([audit.Prompt(1, "1", text)], None, {"1": ((touching,), False)})
    assert (found.scores["gender"].found, found.scores["gender"].right) == (0, 0)
    assert found.misses == [("1", "gender", " ", text)]
    assert len(found.false_hits) == 2


SIGNS = {
    "👩": ("person", {"gender": "woman", "age": "young"}),
    "👧🏽": ("person", {"gender": "woman", "age": "child", "skin_tone": "medium"}),
    "🧑🏿": ("person", {"age": "young", "skin_tone": "dark"}),
    "👸🏽": ("pair👸", {"gender": "woman", "skin_tone": "medium"}),
    "👩🏽\u200d⚕️": ("person\u200d⚕️", {"gender": "woman", "skin_tone": "medium"}),
    "🏃🏽\u200d♀️": ("sign🏃", {"gender": "woman", "skin_tone": "medium"}),
    "🏃\u200d♂️": ("sign🏃", {"gender": "man"}),
    "👍🏽": ("base👍", {"skin_tone": "medium"}),
    "🕺": ("pair💃", {"gender": "man"}),
    "👴🏻": ("person", {"gender": "man", "age": "elderly", "skin_tone": "light"}),
    "🧓": ("person", {"age": "elderly"}),
    "👍": None,
    "🧑\u200d🎄": None,
}


@pytest.mark.parametrize("sign, told", SIGNS.items(), ids=range(len(SIGNS)))
def test_a_sign_is_taken_apart_and_put_together(sign, told):
    found = emoji.read_emoji(sign)
    if told is None:
        assert found is None
        return
    assert (found[0], dict(found[1])) == told
    assert emoji.emoji_text(found[0], tuple(told[1]), tuple(told[1].values())) == sign
    assert [match[0] for match in emoji.CLUSTER.finditer(f"a {sign} b")] == [sign]


def test_the_values_a_sign_can_take():
    assert emoji.spaces("person") == {
        "gender": ("woman", "man"), "age": ("child", "young", "elderly"),
        "skin_tone": ("light", "medium-light", "medium", "medium-dark", "dark"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, natural, start, titled, style",
    [
        ("woman", "woman", False, False, "natural"),
        ("Woman", "woman", False, False, "title"),
        ("Woman", "woman", True, False, "first"),
        ("Woman", "woman", True, True, "title"),
        ("WOMAN", "woman", True, False, "upper"),
        ("wOman", "woman", False, False, "natural"),
        ("Emma", "Emma", True, False, "natural"),
        ("emma", "Emma", False, False, "natural"),
        ("EMMA", "Emma", False, False, "upper"),
        ("8-Year-Old", "8-year-old", False, False, "natural"),
        ("8-YEAR-OLD", "8-year-old", False, False, "upper"),
        ("8", "8", False, False, "natural"),
        ("1GIRL", "1girl", False, False, "upper"),
        ("Middle-aged", "middle-aged", False, False, "title"),
        ("A", "a", False, False, "title"),
    ],
)
def test_the_style_of_capitals(text, natural, start, titled, style):
    unit = scan.Unit(text, True, 0, len(text))
    assert assemble.caps_of(unit, natural, start, titled) == style


def test_doers_are_known_by_their_ending():
    def doer(text: str) -> bool:
        return Judge(scan.scan(text, lexicon.lexicon()))._doer(0)

    for text in (
        "conjuror", "conjurors", "harpist", "beautician", "auctioneer", "glassblowers",
        "firebreather holding a torch", "gubbinsers wearing hats",
    ):  # fmt: skip
        assert doer(text), text
    for word in (
        "er", "river", "flower", "computer", "abcer", "golden", "fiber", "bagpipe", "veneer",
        "choker", "projectors", "gubbinser", "firebreather on a shelf", "mist",
    ):  # fmt: skip
        assert not doer(word), word


def test_a_noun_phrase_is_read_from_its_places():
    judge = Judge(scan.scan("a black, tired man's dog sees red men", lexicon.lexicon()))
    told = {u.text: i for i, u in enumerate(judge.units)}
    assert [u for u, i in told.items() if judge.is_person(i)] == ["man", "men"]
    assert [u for u, i in told.items() if judge.adjectival(i)] == ["black", "tired", "red"]
    assert judge.head(told["black"]) == told["man"]
    assert judge.head(told["red"]) == told["men"]
    assert [judge.head(told[u]) for u in ("man", "dog", "men", "sees")][2] == -1
    assert judge.ends(len(judge.units))
    assert judge.ends(told[","])
    assert not judge.ends(told["tired"])


@pytest.mark.parametrize(
    "text, clean",
    [
        ("Non-Binary", "Nonbinary"),
        ("NON-BINARY person", "NONBINARY person"),
        ("a non binary person", "a nonbinary person"),
    ],
)
def test_two_words_that_are_one(text, clean):
    assert normalise.normalise(text) == clean


def test_a_later_tag_is_a_credit():
    text = "a, b, c, emma thompson, render"
    assert prompts(text) == (text,)
    assert len(prompts("a, b, emma thompson")) == 12
    assert shape("a dr. Emma") == [("gender", 0), ("ethnicity", 0)]


def test_shares_add_up():
    for name, shares in leakage._counts().shares.items():
        assert sum(shares.values()) == pytest.approx(1), name


def test_the_check_counts_every_form():
    tables = [lexicon.lexicon(third) for third in (False, True)]
    forms = sum(len(row.forms) for table in tables for row in table.rows.values())
    assert check.check()["forms"] == forms
    assert check.check()["rows"] == len(tables[0].rows)


def test_a_value_without_words_of_its_own(few):
    found = leakage._forms("gender", ("unspecified", "woman", "man"), [["a"], ["woman"], ["man"]])
    assert found == pytest.approx({"unspecified": 0.25, "woman": 0.375, "man": 0.375})


def test_a_list_without_a_file_is_called_the_list():
    with pytest.raises(TaxonomyError, match=r"^the list is not TOML"):
        custom.parse_custom("name = ")


def test_a_pronoun_after_a_place():
    assert prompts("a cat runs behind her holding a cup")[1] == (
        "a cat runs behind him holding a cup"
    )


def test_two_names_are_one_persons():
    assert refusal("Emma Omar walks").code == "named_person"
    assert len(prompts("Emma queen walks")) == 24


def test_a_title_keeps_its_capitals():
    assert "Middle-Aged Woman Walking" in prompts("Elderly Man Walking")
    assert "Middle-aged woman walking" in prompts("Elderly man walking")


def test_a_pronoun_that_opens_the_text():
    assert prompts("her, whoever that is") == ("her, whoever that is", "him, whoever that is")
    assert prompts("is hers") == ("is hers", "is his")


def test_a_set_too_large_says_what_to_do():
    assert refusal("a woman", cap=1).hint[:2] == (
        "rephrase with fewer people or attributes",
        "set cap = 2 in the profile",
    )


def test_a_doctor_has_a_title_in_a_credit():
    units = scan.scan("by dr. Emma, Mary", lexicon.lexicon())
    assert len(credited_units(units)) == len(units)


def test_a_short_plural_is_no_doer():
    judge = Judge(scan.scan("abcers", lexicon.lexicon()))
    assert not judge._doer(0)


@pytest.mark.parametrize(
    "text",
    [
        "Rose was here",
        "Rose is here",
        "Lily has a hat",
        "Rose's bedroom",
        "Rose in a room",
        "Rose on a bench",
        "Lily at a table",
        "Jade with a dog",
        "Rose and a dog",
        "Rose",
    ],
)
def test_who_opens_a_sentence_is_somebody(text):
    assert refusal(text).code == "named_person"


@pytest.mark.parametrize(
    ("text", "size", "member"),
    [
        ("called David and a woman", 24, "called Nisha and a man"),
        ("a toddler girl (3-year-old)", 8, "a young grownup woman (25-year-old)"),
        ("he wears a Spider-Man costume", 2, "she wears a Spider-Man costume"),
        ("he is her kind brother", 4, "she is his kind sister"),
        ("a dog runs to her holding a ball", 2, "a dog runs to him holding a ball"),
        ("a child Emma smiling", 48, "an elderly Emma smiling"),
        ("two old portraits on a wall", 1, "two old portraits on a wall"),
        ("an 80s Japanese poster", 1, "an 80s Japanese poster"),
    ],
)
def test_sizes_that_small_faults_would_change(text, size, member):
    found = expand(text).candidates
    assert (found.n, member in found.prompts) == (size, True)


def test_a_grown_age_beside_a_childs_noun_is_a_contradiction():
    assert refusal("a 25-year-old teenager").code == "contradiction"


def test_plural_rows_are_named_and_marked_so_and_no_person_noun_is_lost():
    rows = lexicon.lexicon().rows
    assert rows["asian_n.pl"].plural
    assert {"head", "therapist", "marchers"} <= vocabulary.vocabulary().persons


def open_set(monkeypatch, **changed):
    for name, replacement in changed.items():
        monkeypatch.setattr(candidates, name, replacement)
    with pytest.raises(PromptRefused) as refused:
        expand("a woman reading")
    assert refused.value.code == "not_closed"


def test_a_member_that_reads_as_another_value_is_an_open_set(monkeypatch):
    true = candidates.analyse

    def wrong(text, *rest):
        found = true(text, *rest)
        return found._replace(own=("woman",)) if "man r" in text and "wo" not in text else found

    open_set(monkeypatch, analyse=wrong)


def test_a_member_with_another_template_is_an_open_set(monkeypatch):
    true = candidates.analyse

    def wrong(text, *rest):
        found = true(text, *rest)
        if text == "a man reading":
            return found._replace(template=found.template._replace(segments=("x",)))
        return found

    open_set(monkeypatch, analyse=wrong)


def test_a_member_that_is_refused_is_an_open_set(monkeypatch):
    true = candidates.analyse

    def wrong(text, *rest):
        if text == "a man reading":
            raise PromptRefused("named_person", "x", "man", ("y",))
        return true(text, *rest)

    open_set(monkeypatch, analyse=wrong)


def test_a_member_that_is_not_in_normal_form_is_an_open_set(monkeypatch):
    true = candidates._normal

    def wrong(text, settings):
        return "another" if text == "a man reading" else true(text, settings)

    open_set(monkeypatch, _normal=wrong)


@pytest.mark.parametrize(
    ("text", "size", "member"),
    [
        ("a photo by nurse queen", 2, "a photo by nurse king"),
        ("Rose, oil on canvas", 1, "Rose, oil on canvas"),
        ("an 80s doctor", 1, "an 80s doctor"),
        ("a black pamphleteer", 6, "a Latin pamphleteer"),
        ("a Cherokee elder shrub", 4, "a Cherokee young-born shrub"),
        ("two Kenyans' hats", 6, "two citizens of France's hats"),
        ("🤰 in a park", 2, "🫃 in a park"),
        ("a girl in her preteens", 8, "a woman in her maturity"),
        ("a man, 40s", 8, "a woman, 10s"),
        ("a man, 40s music", 2, "a woman, 40s music"),
        ("young Chinese woman at sea", 48, "Young Chinese woman at sea"),
        (
            "a boy and a girl, he gives her a flower and she smiles",
            64,
            "a middle-aged woman and a girl, she gives her a flower and she smiles",
        ),
    ],
)
def test_more_sizes_that_small_faults_would_change(text, size, member):
    found = expand(text).candidates
    assert (found.n, member in found.prompts) == (size, True)


def test_the_word_that_a_refusal_names():
    assert refusal("a m a n b in a park").text == "amanb"
    assert refusal("Emma blunt bangs").text == "blunt"
    assert "leave 'nude' out" in refusal("a nude girl in a bikini").hint[0]


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("friend of hers", "friend of his"),
        ("a Korean bleger", "a Mexican bleger"),
        ("a Latina dancing, a nurse", "a man of African descent dancing, a nurse"),
    ],
)
def test_bounds_at_the_shortest_text(text, member):
    assert member in prompts(text)


def test_every_fused_word_of_a_text_is_brought_to_its_normal_form():
    assert expand("a Latina, and a Filipina nurse", PrivacySettings(cap=1024)).normalised == (
        "a Latina, and a Filipino female nurse"
    )


def test_a_word_in_single_letters_and_a_baring_skirt():
    assert refusal("a q u e e n").code == "near_miss"
    assert refusal("a girl in a micro skirt").code == "child_rule"

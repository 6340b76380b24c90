"""Origins that are nouns or half a word, titles with a name, ages left open."""

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import PrivacySettings, expand


@pytest.mark.parametrize(
    ("text", "names", "member"),
    [
        ("a young Asian", {"age", "ethnicity"}, "an elderly African"),
        ("a deaf Italian", {"disability", "nationality"}, "a blind Thai"),
        ("a Jewish American", {"religion", "nationality"}, "a Hindu Kenyan"),
        ("Muslim American, smiling", {"religion", "nationality"}, "Christian French, smiling"),
        ("old Chinese playing mahjong", {"age", "nationality"}, "kid British playing mahjong"),
        ("a 30 year old Italian", {"age", "nationality"}, "a 70 year old Thai"),
        ("a person of Chinese ancestry", {"nationality"}, "a person of Ghanaian ancestry"),
        ("a man of the Jewish faith", {"gender", "religion"}, "a woman of the Hindu faith"),
        ("woman (black), portrait", {"gender", "ethnicity"}, "man (white), portrait"),
        ("a woman [Asian]", {"gender", "ethnicity"}, "a man [African]"),
        ("man - Korean - 30s", {"gender", "nationality", "age"}, "woman - German - 70s"),
        ("a chef born in Italy", {"nationality"}, "a chef from Thailand"),
        ("a woman born and raised in Nigeria", {"gender", "nationality"}, "a man from Korea"),
        ("ethnicity: Asian, portrait", {"ethnicity"}, "ethnicity: African, portrait"),
    ],
)
def test_an_origin_wherever_it_is_said(text: str, names: set[str], member: str) -> None:
    found = expand(text, PrivacySettings(cap=128)).candidates
    assert {a.name for a in found.attributes} == names
    assert member in found.prompts


@pytest.mark.parametrize(
    "text",
    [
        "a photo of an Italian restaurant",
        "a lamb born in spring",
        "cheese of Italian origin",
        "black russian, cocktail",
        "a plate of Indian Chinese",
    ],
)
def test_an_origin_of_things_stays(text: str) -> None:
    assert expand(text).candidates.n == 1


@pytest.mark.parametrize(
    "text", ["an Afro-Cuban drummer", "an Indo-Canadian woman", "a half Finnish woman"]
)
def test_half_an_origin_is_refused(text: str) -> None:
    with pytest.raises(PromptRefused) as error:
        expand(text)
    assert error.value.code == "unknown_person_word"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("King Solomon on his throne", "Solomon"),
        ("Uncle Bob in the garden", "Bob"),
        ("a photo of Sir Gawain", "Gawain"),
        ("Aunt Petunia knitting", "Petunia"),
        ("Dr. Patel examining a patient", "Patel"),
    ],
)
def test_a_name_behind_a_title_is_refused(text: str, word: str) -> None:
    with pytest.raises(PromptRefused) as error:
        expand(text)
    assert (error.value.code, error.value.text) == ("named_person", word)


@pytest.mark.parametrize(
    "text",
    ["The King Sitting On A Throne", "Queen Protects Her Realm", "the King of Spain", "a Queen"],
)
def test_a_title_without_a_name_is_masked(text: str) -> None:
    assert expand(text).candidates.n == 2


@pytest.mark.parametrize(
    "text",
    [
        "San Francisco skyline", "Victoria Falls at dawn", "Queen Anne style house", "Noah's ark",
        "a man-made lake", "a bishop in chess", "young adult fiction cover",
    ],
)  # fmt: skip
def test_a_place_or_a_thing_with_a_persons_word_stays(text: str) -> None:
    found = expand(text)
    assert (found.candidates.n, found.normalised) == (1, text)


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("a 30–year–old man", "a 70-year-old woman"),
        ("woman 25, blonde", "man 70, blonde"),
        ("a man, fifty-two, on a bench", "a girl, 8, on a bench"),
        ("a woman of thirty-two", "a man of 25"),
        ("a dark–skinned man", "a light-skinned woman"),
    ],
)
def test_ages_and_tones_with_other_dashes_and_in_other_places(text: str, member: str) -> None:
    assert member in expand(text).candidates.prompts


@pytest.mark.parametrize(
    "text",
    ["25F, selfie", "a 60-plus couple", "woman 40+", "a man pushing 60", "a man nearing eighty"],
)
def test_an_age_without_its_end_is_refused(text: str) -> None:
    with pytest.raises(PromptRefused) as error:
        expand(text)
    assert error.value.code == "age_figure"


def test_a_pronoun_before_and_with_a_preposition_is_an_object() -> None:
    found = expand("a selfie of her and her cat").candidates
    assert set(found.prompts) == {
        f"a selfie of {one} and {two} cat" for one in ("her", "him") for two in ("her", "his")
    }


def test_the_quality_tags_of_a_model_keep_their_underscores() -> None:
    found = expand("score_9, score_8_up, a woman, dark_skin").normalised
    assert found == "score_9, score_8_up, a woman, dark skin"

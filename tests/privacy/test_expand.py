"""Exact wording: hard cases over every attribute, and what is not about a person at all."""

from pathlib import Path

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import PrivacySettings, attributes, expand

from .conftest import rows

HARD = rows("hard_cases.jsonl")
IDIOMS = [
    line
    for line in (Path(__file__).parent / "idioms.txt").read_text(encoding="utf-8").splitlines()
    if line and line[0] != "#"
]


@pytest.mark.parametrize("row", HARD, ids=[row["text"][:40] for row in HARD])
def test_hard_case(row):
    if "error" in row:
        with pytest.raises(PromptRefused) as refused:
            expand(row["text"])
        assert (refused.value.code, refused.value.text) == (row["error"], row["word"])
        assert any("device" in hint for hint in refused.value.hint)
        return
    expansion = expand(row["text"])
    found = expansion.candidates
    assert expansion.normalised == row["prompt"]
    assert found.n == row["n"]
    assert [[a.name, a.mention] for a in found.attributes] == row["attributes"]
    if "set" in row:
        assert list(found.prompts) == row["set"]
    for index, text in row.get("members", {}).items():
        assert found.prompts[int(index)] == text
    assert found.prompts[expansion.choice.reveal()] == expansion.normalised


@pytest.mark.parametrize("text", IDIOMS)
def test_not_about_a_person(text):
    expansion = expand(text)
    assert expansion.candidates.prompts == (expansion.normalised,)
    assert expansion.candidates.attributes == ()


def test_there_are_enough_cases():
    assert len(IDIOMS) >= 70
    assert len(HARD) >= 150


def test_every_attribute_has_hard_cases():
    named = {name for row in HARD for name, _ in row.get("attributes", ())}
    assert named == {name for name, attribute in attributes().items() if attribute.default}


def test_body_is_protected_on_request():
    settings = PrivacySettings(protect=("body",))
    assert expand("a chubby man", settings).candidates.prompts == (
        "a slim man",
        "a medium-built man",
        "an athletic man",
        "a chubby man",
    )


def test_unprotected_attributes_stay():
    assert expand(
        "a girl and her dog", PrivacySettings(protect=("gender",))
    ).candidates.prompts == (
        "a girl and her dog",
        "a boy and his dog",
    )
    assert expand("a girl", PrivacySettings(protect=("age",))).candidates.prompts == (
        "a girl",
        "a young woman",
        "a middle-aged woman",
        "an elderly woman",
    )


def test_child_leaves_the_orbit_beside_body_words():
    texts = expand("a tall young woman").candidates.prompts
    assert len(texts) == 6
    assert not any("girl" in text or "boy" in text for text in texts)


def test_the_negative_prompt_has_slots_of_its_own():
    found = expand("a woman", negative="man, ugly").candidates
    assert found.n == len(found.prompts) == len(found.negatives) == 4
    assert set(zip(found.prompts, found.negatives, strict=True)) == {
        (a, f"{b}, ugly") for a in ("a woman", "a man") for b in ("woman", "man")
    }
    assert [a.mention for a in found.attributes] == [0, 1]


def test_third_gender_is_a_third_value():
    settings = PrivacySettings(third_gender=True)
    assert expand("a woman and her dog", settings).candidates.prompts == (
        "a woman and her dog",
        "a man and his dog",
        "a nonbinary person and their dog",
    )


def test_always_on_gender_covers_the_unmentioned():
    settings = PrivacySettings(always_on=("gender",))
    whole = ("a doctor", "a female doctor", "a male doctor")
    for text in whole:
        assert expand(text, settings).candidates.prompts == whole


@pytest.mark.parametrize("names", [("gender", "age"), ("ethnicity",), ("gender", "skin_tone")])
@pytest.mark.parametrize("third", [False, True])
def test_always_on_attributes_are_one_set_named_or_not(names, third):
    profile = PrivacySettings(always_on=names, third_gender=third, cap=200)
    found = expand("a doctor", profile).candidates
    assert found.prompts[0] == "a doctor"
    assert {a.name for a in found.attributes} == set(names)
    for member in found.prompts:
        assert expand(member, profile).candidates == found


def test_always_on_age_covers_nouns_that_change_with_age():
    profile = PrivacySettings(always_on=("age",))
    for text in ("a woman", "a girl", "an elderly man"):
        assert expand(text, profile).candidates.n == 10
    assert expand("an elderly doctor", profile).candidates.prompts == (
        "a doctor",
        "a child doctor",
        "a young doctor",
        "a middle-aged doctor",
        "an elderly doctor",
    )


def test_a_third_gender_needs_its_value():
    with pytest.raises(PromptRefused) as refused:
        expand("a non-binary person")
    assert refused.value.code == "third_gender"
    assert any("--third-gender" in hint for hint in refused.value.hint)
    profile = PrivacySettings(third_gender=True)
    assert expand("a non-binary person", profile).candidates.prompts == (
        "a woman",
        "a man",
        "a nonbinary person",
    )


def test_an_allowed_word_allows_its_row():
    settings = PrivacySettings(allow=("queen",))
    assert expand("a king", settings).candidates.n == 1
    assert expand("a queen and a man", settings).candidates.n == 2


def test_spans_point_at_the_mentions():
    expansion = expand("A 23-year-old  woman and her dog")
    assert [expansion.normalised[m.start : m.end] for m in expansion.mentions] == [
        m.text for m in expansion.mentions
    ]
    assert "her" in [m.text for m in expansion.mentions]

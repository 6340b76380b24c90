"""What a later run of ``python -m training.privacy.mutate`` left standing, as exact wordings."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pytest

from obclip.errors import ProfileError, TaxonomyError
from obclip.privacy import PrivacySettings, audit, check, expand, lexicon

from .test_mutants import prompts, refusal

WHOLE_SETS = {
    # a pronoun before the first person is somebody's own, and a later one still that person's
    "her dog beside a woman, she smiles": (
        "her dog beside a woman, she smiles",
        "her dog beside a man, he smiles",
        "his dog beside a woman, she smiles",
        "his dog beside a man, he smiles",
    ),
    # soldiers who salute "her" salute the queen; who talks to a king is no king for it
    "a queen, soldiers saluting her": (
        "a queen, soldiers saluting her",
        "a king, soldiers saluting him",
    ),
    "he is talking to a king": (
        "she is talking to a queen",
        "she is talking to a king",
        "he is talking to a queen",
        "he is talking to a king",
    ),
    "a dog beside herself or himself": (
        "a dog beside herself or herself",
        "a dog beside herself or himself",
        "a dog beside himself or herself",
        "a dog beside himself or himself",
    ),
    "a dog in front of her juggling torches": (
        "a dog in front of her juggling torches",
        "a dog in front of him juggling torches",
    ),
    # two figures of the person who opens the text are one age
    "doctor, 45 years old, aged 50": (
        "doctor, 8 years old, aged 8",
        "doctor, 25 years old, aged 25",
        "doctor, 45 years old, aged 45",
        "doctor, 70 years old, aged 70",
    ),
    "by alyssa monk, oil on canvas": ("by alyssa monk, oil on canvas",),
    "a thatcher on a roof": ("a thatcher on a roof",),
    # the animal stays, whoever the noun behind it speaks of
    "a king penguin amputee": (
        "a king penguin able-bodied soul",
        "a king penguin white-cane user",
        "a king penguin hearing-aid user",
        "a king penguin wheelchair user",
        "a king penguin amputee",
        "a king penguin memory-aid user",
    ),
    "she is 25, smiling": (
        "she is 8, smiling",
        "she is 25, smiling",
        "she is 45, smiling",
        "she is 70, smiling",
        "he is 8, smiling",
        "he is 25, smiling",
        "he is 45, smiling",
        "he is 70, smiling",
    ),
    "her 21st birthday": (
        "her 8th birthday",
        "her 25th birthday",
        "her 45th birthday",
        "her 70th birthday",
        "his 8th birthday",
        "his 25th birthday",
        "his 45th birthday",
        "his 70th birthday",
    ),
    "a woman in her sixties": (
        "a girl in her childhood",
        "a woman in her twenties",
        "a woman in her forties",
        "a woman in her seventies",
        "a boy in his childhood",
        "a man in his twenties",
        "a man in his forties",
        "a man in his seventies",
    ),
    "Men in his 40s": (
        "Girls in her 10s",
        "Women in her 20s",
        "Women in her 40s",
        "Women in her 70s",
        "Boys in his 10s",
        "Men in his 20s",
        "Men in his 40s",
        "Men in his 70s",
    ),
    # the age word next to the noun counts; "little" before another one stays
    "a little old woman": (
        "a little little girl",
        "a little youthful woman",
        "a little mature woman",
        "a little old woman",
        "a little little boy",
        "a little youthful man",
        "a little mature man",
        "a little old man",
    ),
}


@pytest.mark.parametrize("text", WHOLE_SETS)
def test_the_whole_set(text):
    assert prompts(text) == WHOLE_SETS[text]


@pytest.mark.parametrize(
    ("text", "size", "member"),
    [
        ("a Manxman in a boat", 12, "a Manx woman in a boat"),
        ("of heather near a table", 12, "of Isabel near a table"),
        ("a man of 60 years wearing armour", 8, "a girl of 8 years wearing armour"),
        ("she turned 3", 8, "he turned 70"),
        ("a Chinese 25-year-old and tired doctor", 24, "a British 8-year-old and tired doctor"),
        ("a tired Chinese Girl", 48, "a tired Middle-Aged British Woman"),
    ],
)
def test_the_size_and_a_member(text, size, member):
    found = prompts(text)
    assert (len(found), member in found) == (size, True)


@pytest.mark.parametrize(
    ("text", "profile", "size", "member"),
    [
        (
            "a Chinese girl and a baby boy", {"protect": ("gender", "age")}, 64,
            "an elderly Chinese man and a young adult woman",
        ),
        ("a woman gives it to her", {"third_gender": True}, 3,
         "a nonbinary person gives it to them"),
        ("a kid doctor", {"always_on": ("age",)}, 4, "an old doctor"),
        ("a 45-year-old doctor", {"always_on": ("age",)}, 4, "an 8-year-old doctor"),
        ("a female doctor, she smiles", {"always_on": ("gender",)}, 6, "a doctor, he smiles"),
    ],
)  # fmt: skip
def test_the_size_and_a_member_under_a_profile(text, profile, size, member):
    found = prompts(text, **profile)
    assert (len(found), member in found) == (size, True)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("his sister lily", "named_person", "lily"),
        ("my diabetic, tired mother", "unknown_person_word", "diabetic"),
        ("a tired count in his castle", "unknown_person_word", "count"),
    ],
)
def test_the_refusal_and_its_word(text, code, word):
    error = refusal(text)
    assert (error.code, error.text) == (code, word)


def test_a_pronoun_is_not_tied_to_several_people_to_fit_the_cap():
    assert refusal("men look at him", cap=2).code == "set_too_large"


def test_a_negative_prompt_bound_by_place_is_read_as_tags():
    negative = "female, doctor, she kisses him and he sees her"
    assert expand("a dog", PrivacySettings(cap=4), negative).candidates.n == 4


def test_the_word_before_an_owner_is_in_clear():
    assert expand("a tired woman's hat").clear == ("a", "tired", "hat")


def test_a_label_may_allow_another_attribute():
    mention = {"attribute": "age", "also": ["gender"], "text": "woman", "start": 2, "end": 7}
    labels, bad = audit.read_labels([json.dumps({"id": 1, "mentions": [mention]})])
    found = audit.measure([audit.Prompt(1, "1", "a woman")], labels=labels)
    assert (bad, found.misses, found.false_hits) == ([], [], [])
    assert found.scores == {
        "age": audit.Score(labelled=1, found=1),
        "gender": audit.Score(reported=1, right=1),
    }


def test_a_prompt_of_an_audit_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        audit.Prompt(1, "1", "a woman").text = "a man"


def test_an_unknown_grouping_names_the_known_ones():
    with pytest.raises(ProfileError) as caught:
        PrivacySettings(groups={"age": "nothing"})
    assert caught.value.expected == "grown, halves"


@pytest.mark.parametrize("form", ["table", "old table", "lady"])
def test_a_form_that_reads_as_something_else_fails_the_build(monkeypatch, form):
    first = lexicon.lexicon().first
    row = SimpleNamespace(name="x.sg", forms={("woman",): form})
    broken = SimpleNamespace(first=first, rows={row.name: row})
    monkeypatch.setattr(check, "lexicon", lambda *_: broken)
    with pytest.raises(TaxonomyError) as caught:
        check.check()
    assert (caught.value.got, caught.value.expected) == (form, "x.sg")

"""The benchmark's files are what they say: fixed, disjoint, and asked for what their words say."""

from __future__ import annotations

import re

import pytest

from obclip.errors import RequestError
from obclip.evaluation.benchmark import FILES, PROTECT, case, entries, values
from obclip.privacy import CandidateSet, SetAttribute

TONES = ("light", "medium-light", "medium", "medium-dark", "dark")


def of_skin(word: str) -> re.Pattern[str]:
    """The word, of a skin and as a whole."""
    return re.compile(rf"(?<![\w-])(?:{word})(?:-skinned| skin)")


def test_there_are_enough_prompts_and_no_two_alike() -> None:
    prompts = [e.prompt for e in entries()]
    assert len(prompts) >= 600
    assert len(set(prompts)) == len(prompts)
    assert sum(e.kind == "held-out" for e in entries()) >= 150
    assert all(e.held_out for e in entries() if e.kind == "held-out")


def test_nothing_is_tuned_on_what_is_reported() -> None:
    reported, tuning = [*entries("benchmark"), *entries("ages")], entries("tuning")
    assert len(tuning) >= 100
    assert len({e.prompt for e in reported}) == len(reported)
    assert not {e.prompt for e in reported} & {e.prompt for e in tuning}
    assert not {e.seed for e in reported} & {e.seed for e in tuning}
    assert not any(e.held_out for e in tuning)


def test_every_candidate_says_what_it_is_scored_on() -> None:
    tones = 0
    for entry in entries():
        found = case(entry)
        assert found.candidates.n > 1
        assert found.candidates.prompts[found.own] == entry.prompt
        for prompt, asked in zip(found.candidates.prompts, found.asked, strict=True):
            if "tone" in asked:
                tones += 1
                said = {t for t in TONES if of_skin(t).search(prompt)}
                assert said == {asked["tone"]}
            if "style" in asked:
                assert asked["style"] in prompt
            if asked.get("age") == "child":
                assert asked["concept"] == "child"
    assert tones > 1000


def test_every_set_of_ages_has_children_and_the_elderly() -> None:
    asked = [case(e).asked for e in entries("ages")]
    for age in ("child", "elderly"):
        assert all(any(a.get("age") == age for a in found) for found in asked)
        assert sum(a.get("age") == age for found in asked for a in found) >= 150


@pytest.mark.parametrize("name", FILES)
def test_sets_vary_in_nothing_else(name: str) -> None:
    for entry in entries(name)[:100]:
        assert {a.name for a in case(entry).candidates.attributes} <= set(PROTECT)


def test_values_by_position() -> None:
    attributes = (SetAttribute("gender", 0, ("woman", "man")), SetAttribute("age", 0, ("a", "b")))
    candidates = CandidateSet(("w a", "w b", "m a", "m b"), (), attributes, "t")
    assert [values(candidates, i) for i in range(4)] == [
        {"gender": "woman", "age": "a"}, {"gender": "woman", "age": "b"},
        {"gender": "man", "age": "a"}, {"gender": "man", "age": "b"},
    ]  # fmt: skip
    with pytest.raises(RequestError, match="not a product set"):
        values(CandidateSet(("w a", "w b", "m a"), (), attributes, "t"), 0)


def test_another_file_is_refused() -> None:
    with pytest.raises(RequestError, match="no such prompt file"):
        entries("coco")

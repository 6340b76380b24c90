"""The best guess is honest: from counts, equal for all members, and refusing alike."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import PrivacySettings, expand
from obclip.privacy.leakage import exceeding, report, strict
from obclip.privacy.taxonomy import DATA, attributes

PROMPTS = [
    json.loads(line)["text"]
    for line in (Path(__file__).parents[1] / "data" / "dev_prompts.jsonl")
    .read_text("utf-8")
    .splitlines()
]


@pytest.fixture(scope="module")
def counts() -> dict[str, object]:
    found: dict[str, object] = json.loads((DATA / "cooccurrence.json").read_text("utf-8"))
    return found


def test_a_beard_gives_a_man_away_whoever_has_it() -> None:
    of_man, of_woman = report(expand("a man with a beard")), report(expand("a woman with a beard"))
    assert of_man == of_woman
    assert of_man.best_guess["gender"] > 0.9
    hints = {word["text"]: word["hints"] for word in of_man.clear}
    assert hints["beard"]["gender"] == ["man"]


def test_without_telling_words_the_guess_is_the_share_of_the_likelier_word() -> None:
    guess = report(expand("a man walking")).best_guess["gender"]
    assert 0.5 < guess < 0.75


def test_a_word_few_people_write_gives_its_partner_away() -> None:
    assert report(expand("a nun")).best_guess["religion"] > 0.9


def test_the_guess_is_the_same_for_every_member() -> None:
    for prompt in PROMPTS[::4]:
        try:
            expansion = expand(prompt)
        except PromptRefused:
            continue
        expected = report(expansion)
        for member in expansion.candidates.prompts:
            assert report(expand(member)) == expected


@pytest.mark.parametrize("limit", [0.6, 0.7, 0.9])
def test_strict_refuses_every_member_or_none(limit: float) -> None:
    for prompt in (
        "a young man with a beard",
        "a girl on a skateboard",
        "a black woman in a dress",
    ):
        verdicts = set()
        for member in expand(prompt).candidates.prompts:
            try:
                strict(report(expand(member)), limit)
                verdicts.add("passes")
            except PromptRefused as error:
                verdicts.add(f"{error.code} {error.text} {error.message}")
        assert len(verdicts) == 1


def test_strict_names_the_telling_word() -> None:
    with pytest.raises(PromptRefused, match="beard") as caught:
        strict(report(expand("a woman with a beard")), 0.8)
    assert caught.value.code == "guessable"
    assert caught.value.text == "beard"


def test_no_attribute_no_guess_but_hints_remain() -> None:
    found = report(expand("a doctor with a beard"))
    assert found.best_guess == {}
    assert exceeding(found, 0.5) == ()
    assert any(word["text"] == "beard" for word in found.clear)


def test_articles_are_never_clear_words() -> None:
    texts = [
        word["text"].lower() for word in report(expand("a man and an old woman in a hall")).clear
    ]
    assert "hall" in texts
    assert not {"a", "an"} & set(texts)


def test_a_negative_prompt_is_guessed_by_its_own_words_only() -> None:
    found = report(expand("a man with a beard", negative="a boy"))
    assert found.best_guess["gender"] > 0.9


def test_every_attribute_of_a_set_has_a_guess_no_lower_than_chance() -> None:
    for prompt in PROMPTS:
        try:
            expansion = expand(prompt)
        except PromptRefused:
            continue
        guess = report(expansion).best_guess
        for slot in expansion.candidates.attributes:
            assert guess[slot.name] >= 1 / len(slot.values) - 1e-4


def test_always_on_gender_has_a_guess() -> None:
    found = report(expand("a doctor reading", PrivacySettings(always_on=("gender",))))
    assert 1 / 3 <= found.best_guess["gender"] < 1


def test_a_report_takes_half_a_millisecond_at_the_median() -> None:
    expansions = []
    for prompt in PROMPTS:
        try:
            expansions.append(expand(prompt))
        except PromptRefused:
            continue
    report(expansions[0])
    taken = []
    for expansion in expansions:
        start = time.perf_counter()
        report(expansion)
        taken.append(time.perf_counter() - start)
    assert sorted(taken)[len(taken) // 2] < 0.0005


def test_the_counts_name_their_sources_and_licences(counts: dict[str, object]) -> None:
    for source in counts["sources"]:  # type: ignore[attr-defined]
        assert source["licence"]
        assert source["commit"]
        assert source["texts"] > 0


def test_the_counts_speak_of_the_values_of_the_taxonomy(counts: dict[str, object]) -> None:
    for name, table in counts["attributes"].items():  # type: ignore[attr-defined]
        assert set(table["values"]) <= set(attributes()[name].values)
        assert len(table["texts"]) == len(table["values"])
    for word, rows in counts["words"].items():  # type: ignore[attr-defined]
        for name, row in rows.items():
            assert len(row) == len(counts["attributes"][name]["values"]), word  # type: ignore[index]

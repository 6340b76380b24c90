"""Recall and precision against the mentions labelled by hand (tests/data/LABELS.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obclip.privacy import PrivacySettings, attributes
from obclip.privacy.audit import Audit, measure, read_labels, read_prompts

DATA = Path(__file__).parents[1] / "data"
RECALL, PRECISION, ENOUGH, REFUSED = 0.97, 0.95, 20, 0.08


def lines(name: str) -> list[str]:
    return (DATA / name).read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def audit() -> Audit:
    prompts, bad = read_prompts(lines("dev_prompts.jsonl"), True)
    labels, bad_labels = read_labels(lines("dev_labels.jsonl"))
    assert not bad
    assert not bad_labels
    return measure(prompts, PrivacySettings(protect=tuple(attributes())), labels)


def test_every_label_lies_on_its_words() -> None:
    texts = {row["id"]: row["text"] for row in map(json.loads, lines("dev_prompts.jsonl"))}
    rows = [json.loads(line) for line in lines("dev_labels.jsonl")]
    assert [row["id"] for row in rows] == list(texts)
    for row in rows:
        for one in row["mentions"]:
            assert texts[row["id"]][one["start"] : one["end"]] == one["text"]
            assert one["attribute"] in attributes()
        assert row["rule"] in (None, "6", "7", "8", "13")


def test_enough_is_labelled_for_the_floors_to_mean_something(audit: Audit) -> None:
    assert {name for name, score in audit.scores.items() if score.labelled >= ENOUGH} >= {
        "gender",
        "age",
    }


def test_recall_is_97_percent_for_every_attribute_with_20_mentions(audit: Audit) -> None:
    for name, score in audit.scores.items():
        if score.labelled >= ENOUGH:
            missed = [miss for miss in audit.misses if miss[1] == name]
            assert score.found / score.labelled >= RECALL, missed


def test_precision_is_95_percent_for_every_attribute_with_20_mentions(audit: Audit) -> None:
    for name, score in audit.scores.items():
        if score.labelled >= ENOUGH:
            wrong = [hit for hit in audit.false_hits if hit[1] == name]
            assert score.right / score.reported >= PRECISION, wrong


def test_refusals_beyond_what_the_rules_demand_stay_below_8_percent(audit: Audit) -> None:
    beyond = [refusal for refusal in audit.refusals if not refusal[3]]
    assert len(beyond) / audit.prompts <= REFUSED, beyond

"""The study of plans: a run that may be killed, and a report that finds what was planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch

from training.plans import failures
from training.plans.report import losses, report, unevenness, worst
from training.plans.run import joined, open_results, packed, read, unpacked, write

HEAD = {
    "pair": "mini", "plans": {"exact": {}, "fair": {}, "pivot": {}}, "weights": {}, "split": 10,
    "sampling": {"steps": 25, "scheduler": "dpm++", "guidance": 2.5},
}  # fmt: skip


def row(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """A set of woman and man: ``fair`` loses either at random, ``pivot`` the man alone."""
    asked = [{"gender": "woman"}, {"gender": "man"}]
    plans: dict[str, Any] = {}
    for name in HEAD["plans"]:  # type: ignore[attr-defined]
        found = [dict(a) for a in asked]
        if name == "fair" and rng.random() < 0.3:
            found[int(rng.integers(2))]["gender"] = "other"
        if name == "pivot" and rng.random() < 0.3:
            found[1]["gender"] = "woman"
        sure = [{"gender": 0.9 if f == a else 0.1} for f, a in zip(found, asked, strict=True)]
        distance = [0.0 if f == a else 0.5 for f, a in zip(found, asked, strict=True)]
        plans[name] = {
            "ratio": 0.8, "values": found, "sure": sure, "distance": distance,
            "psnr": [30.0, 30.0],
            "features": packed(torch.from_numpy(rng.normal(size=(2, 256)))),
        }  # fmt: skip
    return {
        "set": number, "prompt": "p", "attributes": [["gender", 2]], "sizes": [2], "asked": asked,
        "plans": plans,
    }  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [row(i, rng) for i in range(120)]


def test_a_run_goes_on_after_its_last_whole_line(tmp_path: Path, rows: list[Any]) -> None:
    file = tmp_path / "new" / "results.jsonl"
    stream, done = open_results(file, HEAD)
    assert done == set()
    with stream:
        write(stream, rows[0])
        write(stream, rows[3])
        stream.write(json.dumps(rows[4])[:50])  # killed here
    stream, done = open_results(file, HEAD)
    assert done == {0, 3}
    with stream:
        write(stream, rows[4])
    head, found = read(file)
    assert (head, [r["set"] for r in found]) == (HEAD, [0, 3, 4])


def test_results_of_other_weights_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    open_results(file, HEAD)[0].close()
    with pytest.raises(click.ClickException, match="other weights"):
        open_results(file, {**HEAD, "weights": {"cloud": "x"}})


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    first, _ = open_results(file, HEAD)
    with first, pytest.raises(click.ClickException, match="another run"):
        open_results(file, HEAD)


def test_files_are_joined_by_set(rows: list[Any]) -> None:
    def only(row: dict[str, Any], *names: str) -> dict[str, Any]:
        return {**row, "plans": {n: row["plans"][n] for n in names}}

    def head(*names: str) -> dict[str, Any]:
        return {**HEAD, "plans": {n: {} for n in names}}

    one = (head("exact", "fair"), [only(r, "exact", "fair") for r in rows[:5]])
    two = (head("exact", "pivot"), [only(r, "exact", "pivot") for r in rows[2:7]])
    plans, whole = joined([one, two])
    assert set(plans["plans"]) == {"exact", "fair", "pivot"}
    assert whole == rows[2:5]
    with pytest.raises(click.ClickException, match="other weights"):
        joined([one, ({**two[0], "split": 5}, two[1])])


def test_features_survive_their_packing() -> None:
    given = torch.randn(3, 256)
    np.testing.assert_allclose(unpacked(packed(given), 3), given.numpy(), rtol=2e-3, atol=1e-3)


def test_losses_are_paired_and_in_points(rows: list[Any]) -> None:
    lost = losses(rows, "pivot", ("gender",), "man")
    assert lost is not None
    assert 20 < lost.value < 40
    assert lost.low < lost.value < lost.high
    assert worst(rows, "pivot")[0] == "gender man"
    none = losses(rows, "exact", ("gender",))
    assert none is not None
    assert none.high == 0
    assert losses(rows, "fair", ("tone",)) is None


def test_a_plan_with_a_pivot_is_uneven_and_a_fair_one_is_not(rows: list[Any]) -> None:
    for measure in ("right", "sure", "distance"):
        found, _, high = unevenness(rows, "pivot", measure, draws=200)
        assert found > high
        found, _, high = unevenness(rows, "fair", measure, draws=200)
        assert found <= high


def test_the_report_is_whole(rows: list[Any]) -> None:
    text = report(HEAD, rows)
    assert "120 sets, 240 candidates of each plan (N = 2)" in text
    assert "| pivot |" in text
    assert "gender man" in text


def test_the_worst_sets_of_pivot_reuse_are_found(rows: list[Any]) -> None:
    renamed = []
    for r in rows:
        plans = {"exact": r["plans"]["exact"], "balanced": r["plans"]["exact"],
                 "paper-reuse": r["plans"]["pivot"]}  # fmt: skip
        renamed.append({**r, "plans": plans})
    found = failures.worst(renamed)
    assert found[0][0] == pytest.approx(0.8)
    assert 20 < sum(lost > 0.5 for lost, _ in found) < 60

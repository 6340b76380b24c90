"""The study of plans: a run that may be killed, and a report that finds what was planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch

from obclip.cloud.recipe import Recipe
from obclip.diffusion.pairs import find
from obclip.errors import PlanError
from obclip.evaluation.benchmark import entries
from obclip.evaluation.judge import Judge
from obclip.evaluation.sharing import Studio, hand_over_loss
from training.plans import failures
from training.plans.__main__ import recipes_of
from training.plans.figures import least_kept, losses, unevenness, worst
from training.plans.report import report
from training.plans.run import (
    Sets,
    chosen,
    joined,
    open_results,
    packed,
    read,
    run,
    unpacked,
    write,
)

HEAD = {
    "pair": "mini", "plans": {"exact": {}, "fair": {}, "pivot": {}}, "weights": {}, "split": 10,
    "prompts": "benchmark", "dtype": "float32",
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
            "psnr": [30.0, 30.0], "far": [0.1, 0.1],
            "kept": [1.0, 0.7 if name == "pivot" else 1.0],
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
    assert [r["set"] for r in whole] == [0, 1, 2, 3, 4, 5, 6]
    assert whole[2:5] == rows[2:5]
    assert set(whole[6]["plans"]) == {"exact", "pivot"}
    with pytest.raises(click.ClickException, match="other weights"):
        joined([one, ({**two[0], "split": 5}, two[1])])


def test_sets_of_another_file_of_prompts_are_other_sets(rows: list[Any]) -> None:
    head, whole = joined([(HEAD, rows[:3]), ({**HEAD, "prompts": "ages"}, rows[:2])])
    assert head["prompts"] == "benchmark` and `ages"
    assert len(whole) == len({r["set"] for r in whole}) == 5
    assert [r["asked"] for r in whole[3:]] == [r["asked"] for r in rows[:2]]


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
    assert "120 sets of `benchmark`, 240 candidates (N = 2)" in text
    assert "| pivot | 0.800 | 2.400 | 12.000 | 0.400 N | 0.100 | gender man 0.700 | 120 |" in text
    assert "| gender woman | " in text


def test_a_plan_is_reported_on_the_sets_that_it_was_drawn_on(rows: list[Any]) -> None:
    some = [
        r if i < 30 else {**r, "plans": {n: r["plans"][n] for n in ("exact", "fair")}}
        for i, r in enumerate(rows)
    ]
    text = report(HEAD, some)
    lines = [line for line in text.splitlines() if line.startswith("| pivot")]
    assert lines[0].endswith("| 30 |")
    assert lines[1].endswith("| 30 |")
    only = [{**r, "plans": {n: {k: p[k] for k in ("ratio", "far", "kept")}
                            for n, p in r["plans"].items()}} for r in rows]  # fmt: skip
    assert "Loss against" not in report(HEAD, only)


def test_a_candidate_that_is_drawn_to_the_mean_is_noticed(rows: list[Any]) -> None:
    exact = torch.randn(3, 4, 2, 2)
    mean = exact.mean(0, keepdim=True)
    far, kept = hand_over_loss(mean + 0.5 * (exact - mean), exact)
    assert kept == pytest.approx([0.5] * 3)
    assert sum(far) / 3 == pytest.approx(0.5)
    assert least_kept(rows, "pivot") == ("gender man", pytest.approx(0.7))


def test_sets_are_chosen_by_size_and_number() -> None:
    found = list(chosen(Sets("tuning", 100, each=2, least=4, cap=10)))
    assert sorted(c.candidates.n for _, c in found) == [4, 4, 5, 5, 8, 8, 10, 10]
    known = entries("tuning")
    assert all(known[number] == one.entry for number, one in found)
    assert len(list(chosen(Sets("tuning", 3)))) == 3


def test_recipes_are_read_by_name_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "recipes.json"
    file.write_text('{"mine": {"branch": [-4.0], "catch_up": 0.5, "refresh": 2}}')
    found = recipes_of("fast", "trunk", file)
    assert list(found) == ["exact", "fast", "trunk", "mine"]
    assert found["mine"] == Recipe(branch=(-4.0,), catch_up=0.5, refresh=2)
    for bad in ('{"x": {"refresh": 0}}', '{"x": {"magic": 1}}', '{"x": {"refresh": "2"}}'):
        file.write_text(bad)
        with pytest.raises(PlanError, match="recipe"):
            recipes_of("", "", file)
    for name, recipe in recipes_of("", "", Path("training/plans/recipes.json")).items():
        assert (recipe == Recipe()) is (name == "exact")


def test_a_study_draws_what_is_missing(tmp_path: Path) -> None:
    pair, file, few = find("mini"), tmp_path / "r.jsonl", ("b",)
    studio = Studio(pair, Judge.load(), steps=3, split=2, batch=4, dtype=torch.bfloat16)
    plans = {"exact": Recipe(), "a": Recipe(shared=True), "b": Recipe(refresh=2)}
    run(studio, pair, plans, file, Sets("tuning", 1, cap=2), few=1, on_few=few)
    before = file.read_text()
    run(studio, pair, plans, file, Sets("tuning", 2, cap=2), few=1, on_few=few)
    assert file.read_text().startswith(before)
    head, rows = read(file)
    assert (head["prompts"], head["dtype"]) == ("tuning", "bfloat16")
    assert [sorted(r["plans"]) for r in rows] == [["a", "b", "exact"], ["a", "exact"]]
    assert rows[0]["plans"]["exact"]["far"] == [0.0, 0.0]
    assert rows[0]["plans"]["b"]["far"][0] > 0
    other = tmp_path / "h.jsonl"
    run(studio, pair, plans, other, Sets("tuning", 1, cap=2), hand_over=True)
    assert set(read(other)[1][0]["plans"]["a"]) == {"ratio", "far", "kept"}
    with pytest.raises(click.ClickException, match="other prompts"):
        run(studio, pair, plans, file, Sets(count=1))


def test_the_worst_sets_of_pivot_reuse_are_found(rows: list[Any]) -> None:
    renamed = []
    for r in rows:
        plans = {"exact": r["plans"]["exact"], "balanced": r["plans"]["exact"],
                 "paper-reuse": r["plans"]["pivot"]}  # fmt: skip
        renamed.append({**r, "plans": plans})
    found = failures.worst(renamed)
    assert found[0][0] == pytest.approx(0.8)
    assert 20 < sum(lost > 0.5 for lost, _ in found) < 60

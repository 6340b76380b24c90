"""``obclip plan`` beyond one picture: budgets, seconds, curves and the search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from obclip.cli import _tune
from obclip.cloud.recipe import Recipe
from obclip.evaluation.tuning import Trial
from tests.cli.conftest import Obclip

SIX = ("--attributes", "gender=2,age=3")


def test_a_plan_is_made_to_fit_a_budget(obclip: Obclip, tiny_pair: str) -> None:
    options = ("plan", "--pair", tiny_pair, *SIX, "--plan", "balanced", "--json")
    wide = json.loads(obclip(*options, "--budget", 8).out)["memory"]
    assert wide["batch"] == 12
    least = json.loads(obclip(*options, "--budget", wide["peak_gib"] * 0.9).out)["memory"]
    assert 1 <= least["batch"] < 12
    assert least["peak_gib"] <= wide["peak_gib"] * 0.9
    said = obclip(*options[:-1], "--budget", 8).out
    assert "obclip serve --batch 12" in said


def test_a_budget_that_no_batch_fits_names_the_plans_that_do(
    obclip: Obclip, tiny_pair: str
) -> None:
    options = ("plan", "--pair", tiny_pair, *SIX, "--plan", "paper-cache")
    tight = obclip(*options, "--budget", 0.001)
    assert tight.code == 1
    assert "no_memory" in tight.line
    assert "plans that fit: none" in tight.line
    needed = float(tight.line.split("expected ")[1].split(" GiB")[0])
    assert "exact" in obclip(*options, "--budget", needed * 0.98).line.split("plans that fit:")[1]
    assert "expected over 0 GiB" in obclip(*options, "--budget", 0).line


def test_seconds_are_predicted_on_this_machine(obclip: Obclip, tiny_pair: str) -> None:
    options = ("plan", "--pair", tiny_pair, *SIX, "--plan", "balanced", "--seconds")
    found = json.loads(obclip(*options, "--json").out)
    assert found["seconds"] > 0
    assert found["random_weights"] is False
    assert "s on this machine" in obclip(*options).out


def test_a_curve_is_shown_and_drawn(obclip: Obclip, tiny_pair: str, tmp_path: Path) -> None:
    file = tmp_path / "curve.svg"
    ran = obclip("plan", "--pair", tiny_pair, "--curve", "--plan", "tree", "--output", file)
    assert ran.code == 0
    assert "| balanced, cost |" in ran.out
    assert "| tree, GiB |" in ran.out
    lines = ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}polyline")  # noqa: S314 ours
    assert len(list(lines)) == 2 * 5
    ran = obclip("plan", "--pair", tiny_pair, "--curve", "--json")
    curves = json.loads(ran.out)["curves"]
    assert [p["n"] for p in curves["exact"]] == [1, 2, 4, 6, 12, 30, 64]
    for name in ("balanced", "fast"):
        each = [p["ratio"] / p["n"] for p in curves[name]]
        assert each == sorted(each, reverse=True), "cost grows more slowly than the set"
    assert obclip("plan", "--curve", "--output", tmp_path / "x.png").code == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--split", 26), "got 26; expected 0 to the number of steps (25)"),
        (("--attributes", "gender=5,age=13"), "got 65; expected 1 to 64"),
        (("--size", 72), "a multiple of"),
        (("--plan", "magic"), "unknown plan"),
        (("--tune", "--minutes", -1), "minutes out of range"),
        (("--tune", "--sets", 0), "sets out of range"),
        (("--tune", "--output", "x.svg"), "expected .json"),
        (("--tune", "--most", "1,2"), "three ratios"),
        (("--tune", "--most", "nan,1,2"), "three ratios"),
        (("--tune", "--floor", "nan"), "floor out of range"),
        (("--budget", "nan"), "budget out of range"),
        (("--budget", "inf"), "budget out of range"),
        (("--tune", "--split", 26), "split out of range"),
    ],
)
def test_bad_numbers_are_told_before_any_compute(
    obclip: Obclip, tiny_pair: str, monkeypatch: pytest.MonkeyPatch, options: Any, said: str
) -> None:
    monkeypatch.setattr("obclip.diffusion.loading.load", lambda *_, **__: pytest.fail("loaded"))
    ran = obclip("plan", "--pair", tiny_pair, *options)
    assert (ran.code, said in ran.line) == (1, True), ran.line


def test_a_plan_that_does_not_fit_the_model_is_told(
    obclip: Obclip, tiny_pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obclip.cloud import planner

    monkeypatch.setitem(planner.NAMED, "balanced", Recipe(refresh=2, depth=40))
    ran = obclip("plan", "--pair", tiny_pair, "--plan", "balanced")
    assert (ran.code, "depth 40, where 1 to" in ran.line) == (1, True), ran.line


def test_what_was_asked_for_and_could_not_be_is_said(
    obclip: Obclip, tiny_pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obclip.cloud import planner

    sound = planner.make_plan
    monkeypatch.setattr(
        planner, "make_plan", lambda name, n, t, k, _, s: sound(name, n, t, k, (2, 2), s)
    )
    ran = obclip("plan", "--pair", tiny_pair, *SIX, "--plan", "tree")
    assert "note: 6 candidates are not 2 x 2: neither tree nor sums" in ran.out


class Found:
    """A search that tries one recipe."""

    cases = ()
    trials = (Trial("trial-0", Recipe(shared=True, guidance_every=2), 0.4, 0.03, 0.2, 0.1, 0.3, 2),)

    def front(self) -> list[Trial]:
        return list(self.trials)

    def run(self, seconds: float, on_trial: Any) -> None:
        assert seconds == 30
        on_trial(self.trials[0])


def test_a_search_prints_its_front(obclip: Obclip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tune, "_tuner", lambda *_: Found())
    ran = obclip("plan", "--tune", "--minutes", 0.5)
    assert "0.400  0.0300" in ran.out
    assert "shared=True guidance_every=2" in ran.out
    assert "0.400" in ran.err
    ran = obclip("plan", "--tune", "--minutes", 0.5, "--json")
    (best,) = json.loads(ran.out)["front"]
    assert best["recipe"]["shared"] is True

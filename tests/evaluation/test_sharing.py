"""Whole sets under several plans, and the search for better ones."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from obclip.cloud.recipe import Recipe
from obclip.diffusion.pairs import find
from obclip.errors import PlanError
from obclip.evaluation import tuning
from obclip.evaluation.benchmark import Case, case, entries
from obclip.evaluation.judge import Judge
from obclip.evaluation.sharing import Remembered, Studio
from obclip.evaluation.tuning import Trial, Tuner, front, tuning_cases
from obclip.evaluation.variations import GRID, STARTS, varied


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(find("mini"), Judge.load(), steps=3, split=2, batch=3)


@pytest.fixture(scope="module")
def pair_of_two() -> Case:
    return next(c for c in map(case, entries("tuning")) if c.candidates.n == 2)


def test_each_candidate_is_what_the_product_draws(studio: Studio, pair_of_two: Case) -> None:
    plans = {n: studio.plan(n, Recipe(shared=n == "b"), pair_of_two) for n in ("exact", "b")}
    drawn = studio.draw(pair_of_two, plans)
    from obclip.evaluation.methods import Prompts, Setting, latents

    for i in range(2):
        asked = Prompts(pair_of_two.candidates.prompts, i)
        own = latents("oblivious", asked, Setting(studio.sampling, 2), studio.engine,
                      studio.device, pair_of_two.entry.seed)  # fmt: skip
        from obclip.diffusion.decode import decode
        from obclip.evaluation.quality import pixels

        picture = pixels(decode(studio.device.parts, own))[0].int()
        assert (drawn["exact"].pictures[i].int() - picture).abs().max() <= 2
    assert not torch.equal(drawn["b"].pictures, drawn["exact"].pictures)
    seen = drawn["exact"]
    assert [set(v) for v in seen.values] == [set(a) for a in pair_of_two.asked]
    assert all(0 <= p <= 1 for row in seen.sure for p in row.values())


def test_a_text_is_encoded_once_and_rows_stay_in_order(studio: Studio) -> None:
    inner = studio.device.denoiser.inner  # type: ignore[attr-defined]
    calls = []

    class Counted:
        def encode(self, prompts: list[str], height: int, width: int) -> object:
            calls.append(list(prompts))
            return inner.encode(prompts, height, width)

    texts = Remembered(Counted())  # type: ignore[arg-type]
    found = texts.encode(["b", "a", "b"], 128, 128)
    more = texts.encode(["a", "c"], 128, 128)
    assert calls == [["b", "a"], ["c"]]
    assert torch.equal(found.states[0], found.states[2])
    assert torch.equal(found.states[1], more.states[0])
    alone = inner.encode(["a"], 128, 128)
    torch.testing.assert_close(found.states[1:2], alone.states, rtol=1e-4, atol=1e-4)


def test_tuning_sets_are_of_every_size_and_none_is_reported_on() -> None:
    found = tuning_cases(10)
    assert len({c.candidates.n for c in found[:5]}) == 5
    assert not {c.entry.prompt for c in found} & {e.prompt for e in entries()}


def trial(
    cost: float, distance: float, sure: float = 0.0, sets: int = 4, worst: float = 0.0
) -> Trial:  # fmt: skip
    return Trial("t", Recipe(), cost, distance, sure, 0.0, worst, sets)


def test_the_front_is_what_nothing_beats_within_the_floor() -> None:
    good = [trial(0.2, 0.3), trial(0.4, 0.1)]
    others = [trial(0.4, 0.2), trial(0.1, 0.1, sure=2.0), trial(0.1, 0.0, sets=2),
              trial(0.1, 0.0, worst=2.1)]  # fmt: skip
    assert front([*others, *good], floor=1.0, sets=4) == good


@pytest.mark.parametrize("recipe", STARTS.values(), ids=list(STARTS))
def test_a_search_begins_within_the_limits(recipe: Recipe) -> None:
    """Whole and shallow passes near enough to those of SD-1.x at 512 px."""
    from obclip.cloud.cost import plan_cost
    from obclip.cloud.plan import Features
    from obclip.cloud.planner import build

    shallow = {1: 79, 2: 224}  # of 1000, by depth
    for sizes, most in zip(tuning.REFERENCE, (0.40, 0.65, 1.8), strict=True):
        n = prod(sizes)
        cost = plan_cost(
            build(recipe, n, 25, 10, sizes),
            lambda kind, rows: (
                rows * (1000 if kind.features is Features.FULL else shallow[kind.depth])
            ),
        )
        assert cost.ratio <= most


def test_recipes_are_varied_within_their_ranges() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    recipe, seen = Recipe(branch=(GRID[2],)), set()
    for _ in range(300):
        recipe = varied(recipe, rng)
        seen.add(recipe)
        make_plan_of(recipe)
    assert len(seen) > 200


def make_plan_of(recipe: Recipe) -> None:
    from obclip.cloud.planner import build

    assert build(recipe, 12, 25, 10, (2, 6)).n == 12


def test_a_search_goes_on_where_it_stopped(
    studio: Studio, pair_of_two: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "STARTS", {})
    monkeypatch.setattr(tuning, "SINGLE", {"shared": Recipe(shared=True)})
    monkeypatch.setattr(tuning, "NAMED", {"deep": Recipe(refresh=2, depth=1),
                                          "unfit": Recipe(refresh=2, depth=90)})  # fmt: skip
    file, said = tmp_path / "search.json", []
    one = Tuner(studio, [pair_of_two], lambda _, rows: rows, floor=1000.0, file=file)
    clock = iter([0.0, *[1.0] * 3, 99.0])
    monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    one.run(50, said.append)
    assert [t.name for t in said] == ["deep", "shared"]
    assert said[1].cost == pytest.approx(0.75)
    assert json.loads(file.read_text())["trials"][0]["name"] == "deep"
    again = Tuner(studio, [pair_of_two], lambda _, rows: rows, floor=1000.0, file=file)
    assert again.trials == one.trials
    assert again.front()
    with pytest.raises(PlanError, match="another search"):
        Tuner(studio, [], lambda _, rows: rows, floor=1.0, file=file)
    file.write_text("{")
    with pytest.raises(PlanError, match="cannot be read"):
        Tuner(studio, [pair_of_two], lambda _, rows: rows, floor=1.0, file=file)


def test_sizes_reach_the_plan(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio, "split", 3)
    ten = next(c for c in map(case, entries("tuning")) if c.candidates.n == 10)
    nodes = [len(s.nodes) for s in studio.plan("t", Recipe(branch=(-99.0, 99.0)), ten).program]
    assert nodes == [1, 2, 10]  # all start alike in pure noise

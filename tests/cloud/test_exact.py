"""Exact techniques equal ``exact``, and what makes them so, broken on purpose, is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from obclip.cloud import planner, sets
from obclip.cloud.cost import plan_cost
from obclip.cloud.engine import Engine, Job
from obclip.cloud.passes import Passes
from obclip.cloud.plan import Features, Guidance, Mix, Node, Plan
from obclip.cloud.planner import NAMED, SINGLE, build, make_plan
from obclip.cloud.recipe import Recipe
from obclip.cloud.unet import Kept
from tests.cloud import test_techniques
from tests.cloud.test_plan import SHARES
from tests.cloud.test_techniques import JOB, SIZES, SPLIT, STEPS, plan

Patch = pytest.MonkeyPatch
Break = Callable[[Patch], None]


@pytest.mark.parametrize("sizes", [None, SIZES, (6,), (3, 2)])
@pytest.mark.parametrize("scheduler", ["dpm++", "ddim"])
def test_a_common_first_unconditional_pass_is_exact_for_any_set(
    engine: Engine, sizes: tuple[int, ...] | None, scheduler: str
) -> None:
    chosen = make_plan("first-step", 6, STEPS, SPLIT, sizes)
    assert chosen.program[0].guidance is Guidance.SHARED
    assert apart(engine, chosen, replace(JOB, scheduler=scheduler)) <= 1e-4


def test_a_tree_is_exact_where_the_rest_says_nothing(engine: Engine) -> None:
    """Genders branch first; if ages read alike, the gender's nodes are the candidates."""
    recipe = Recipe(branch=(-99.0, -2.0))
    chosen = build(recipe, 6, STEPS, SPLIT, (2, 3))
    assert {len(step.nodes) for step in chosen.program} == {2, 6}
    job = replace(JOB, prompts=("a woman",) * 3 + ("a man",) * 3)
    assert apart(engine, chosen, job) <= 1e-4
    # and for another order of attributes: here the last one has the fewest values
    turned = replace(JOB, prompts=("a woman", "a man") * 3)
    assert apart(engine, build(recipe, 6, STEPS, SPLIT, (3, 2)), turned) <= 1e-4


@pytest.mark.parametrize("scheduler", ["dpm++", "ddim"])
def test_a_common_unconditional_pass_is_exact_where_nodes_leave_the_trunk(
    engine: Engine, scheduler: str
) -> None:
    own = Recipe(branch=(-3.4,), tree=False)
    common = build(replace(own, share_equal=True), 6, STEPS, SPLIT, SIZES)
    branching = next(i for i, step in enumerate(common.program) if step.mix is not None)
    assert common.program[0].guidance is common.program[branching].guidance is Guidance.SHARED
    assert common.program[branching + 1].guidance is Guidance.OWN
    job = replace(JOB, scheduler=scheduler)
    one, other = engine.run(job, common), engine.run(job, build(own, 6, STEPS, SPLIT, SIZES))
    assert float((one - other).norm() / other.norm()) <= 1e-4


def features_of_another_picture(patch: Patch) -> None:
    """unet.py: the features of a common pass are handed to the nodes of another picture."""
    sound = Kept.each

    def turned(self: Kept, times: int) -> Kept:
        kept = (
            self if times == 1 else Kept(self.hidden.flip(0), tuple(s.flip(0) for s in self.skips))
        )
        return sound(kept, times)

    patch.setattr(Kept, "each", turned)


def test_features_of_a_common_pass_serve_every_node(engine: Engine, monkeypatch: Patch) -> None:
    """Where latents are equal a node's own pass would have left the very same features."""
    shared = build(
        Recipe(branch=(-3.4,), tree=False, share_equal=True, refresh=9), 6, STEPS, SPLIT, SIZES
    )
    own = replace(shared, program=tuple(
        replace(s, guidance=Guidance.OWN) for s in shared.program
    ))  # fmt: skip
    assert [s.guidance for s in shared.program[-2:]] == [Guidance.OWN] * 2
    assert all(s.kind.features is Features.SHALLOW for s in shared.program[-2:])

    def differ() -> float:
        one, other = engine.run(JOB, shared), engine.run(JOB, own)
        return float((one - other).norm() / other.norm())

    assert differ() <= 1e-4
    features_of_another_picture(monkeypatch)
    assert differ() > 1e-3


def apart(engine: Engine, chosen: Plan, job: Job) -> float:
    exact = engine.run(job, plan("exact"))
    return float((engine.run(job, chosen) - exact).norm() / exact.norm())


def opposite_copies(patch: Patch) -> None:
    """sets.py: new nodes start from a branch that they do not stem from."""
    sound = sets.copies

    def opposite(old: tuple[Node, ...], new: tuple[Node, ...]) -> Mix:
        return tuple(row[::-1] for row in sound(old, new))

    patch.setattr(planner.sets, "copies", opposite)


def opposite_members(patch: Patch) -> None:
    """sets.py: candidates are numbered with the first attribute changing fastest."""
    sound = sets.level
    patch.setattr(
        sets, "level",
        lambda sizes, told: sound(sizes[::-1], [len(sizes) - 1 - axis for axis in told]),
    )  # fmt: skip


@pytest.mark.parametrize("break_it", [opposite_copies, opposite_members])
def test_a_wrong_branch_is_noticed(engine: Engine, break_it: Break, monkeypatch: Patch) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        test_a_tree_is_exact_where_the_rest_says_nothing(engine)


def test_sums_with_a_wrong_mean_are_noticed(monkeypatch: Patch) -> None:
    sound = sets.main_effects

    def wrong(sizes: tuple[int, ...], crossed: int) -> Mix:
        return tuple((row[1], row[0], *row[2:]) for row in sound(sizes, crossed))

    monkeypatch.setattr(test_techniques, "main_effects", wrong)
    with pytest.raises(AssertionError):
        test_techniques.test_sums_are_exact_for_what_is_additive()


def test_a_common_pass_where_latents_differ_is_noticed(engine: Engine) -> None:
    """Exact in the first step alone: in any other the same saving is no longer exact."""
    for index, exact in ((0, True), (1, False)):
        steps = list(plan("exact").program)
        steps[index] = replace(steps[index], guidance=Guidance.SHARED)
        chosen = Plan("x", 6, STEPS, SPLIT, tuple(steps))
        assert (apart(engine, chosen, JOB) <= 1e-4) is exact


# --- savings that are not made ---


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("balanced", {"share_until": None}), ("balanced", {"refresh": 1}),
        ("balanced", {"guidance_every": 1}), ("balanced", {"additive": 0}),
        ("balanced", {"renew": (-4.7, -3.35, -2.1)}),
        ("fast", {"renew": (-4.7, -3.35, -2.1)}), ("fast", {"refresh": 1}),
        ("fast", {"guidance_every": 1}), ("fast", {"additive": 0}),
        ("carried", {"guidance_every": 1}), ("deep", {"refresh": 1}),
        ("tree", {"tree": False}),
        ("shared-uncond", {"shared": False}), ("first-step", {"share_equal": False}),
    ],
)  # fmt: skip
def test_a_saving_that_is_not_made_costs_more(
    name: str, change: dict[str, Any], monkeypatch: Patch
) -> None:
    def ratio() -> float:
        found = make_plan(name, 30, 25, 10, (2, 3, 5))
        return plan_cost(found, lambda kind, rows: rows * SHARES[kind.features]).ratio

    sound = ratio()
    table = NAMED if name in NAMED else SINGLE
    monkeypatch.setitem(table, name, replace(table[name], **change))
    assert ratio() > sound


@pytest.mark.parametrize("name", [*NAMED, *SINGLE])
def test_as_many_rows_run_as_are_told(engine: Engine, name: str) -> None:
    """What is costed is what runs: rows at the model's last layer, whole and partial passes."""
    assert rows_run(engine, plan(name)) == sum(rows for _, rows in plan(name).passes())


def test_rows_that_were_not_told_are_noticed(engine: Engine, monkeypatch: Patch) -> None:
    sound = Passes._run

    def twice(self: Passes, *given: Any) -> Any:
        sound(self, *given)
        return sound(self, *given)

    monkeypatch.setattr(Passes, "_run", twice)
    with pytest.raises(AssertionError):
        test_as_many_rows_run_as_are_told(engine, "balanced")


def rows_run(engine: Engine, chosen: Plan) -> int:
    seen: list[int] = []
    hook = engine.parts.unet.conv_out.register_forward_pre_hook(
        lambda _, given: seen.append(len(given[0]))
    )
    try:
        engine.run(replace(JOB, images=1), chosen)
    finally:
        hook.remove()
    return sum(seen)

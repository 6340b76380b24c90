"""Each technique broken on purpose: the bound that it must keep is then not kept.

``BREAKS`` names a plan and a way to break the technique it rests on. The sound plan stays within
``BOUNDS`` of ``exact``; the broken one leaves it, or becomes ``exact`` where it should save.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from obclip.cloud import attention, guidance, planner, sets, state
from obclip.cloud import engine as engine_module
from obclip.cloud.cost import plan_cost
from obclip.cloud.engine import Engine, Job
from obclip.cloud.passes import Passes
from obclip.cloud.plan import Attention, Features, Guidance, Kind, Mix, Node, Plan, Step, singles
from obclip.cloud.planner import NAMED, SINGLE, build, make_plan
from obclip.cloud.recipe import Recipe
from obclip.cloud.unet import Kept
from tests.cloud import test_techniques
from tests.cloud.test_plan import SHARES
from tests.cloud.test_techniques import BOUNDS, JOB, SPLIT, STEPS, plan

Patch = pytest.MonkeyPatch


def of_kind(kind: Kind) -> Plan:
    """Whole steps and steps of one kind in turn, nothing else saved."""
    steps = tuple(Step(singles(6), kind=kind if i % 2 else Kind()) for i in range(SPLIT))
    return Plan("one kind", 6, STEPS, SPLIT, steps)


#: Plans that rest on one published technique alone.
ALONE = {
    "pivot": of_kind(Kind(attention=Attention.PIVOT)),
    "cached": of_kind(Kind(attention=Attention.CACHED)),
    "skip": of_kind(Kind(Features.SKIP)),
}
#: As ``BOUNDS``, for these.
LIMITS = {
    **BOUNDS,
    "pivot": (0.00228, 0.00142),
    "cached": (0.00501, 0.00168),
    "skip": (0.05398, 0.00834),
}


def limit(engine: Engine, name: str) -> float:
    return LIMITS[name]["XL" in engine.parts.family]


# --- ways to break ---


def shared_on_the_first_node(patch: Patch) -> None:
    """guidance.py: the common pass sees one node's latents for everyone's."""
    patch.setattr(engine_module, "mean", lambda latents, nodes: latents[:, :1] * 1.5)


def difference_turned_round(patch: Patch) -> None:
    """guidance.py: the carried difference is taken away instead of added."""
    sound = guidance.guided
    patch.setattr(engine_module, "guided", lambda c, d, g: sound(c, None if d is None else -d, g))


def sums_of_other_values(patch: Patch) -> None:
    """sets.py: each candidate is summed of the next one's effects."""
    sound = sets.main_effects

    def shifted(sizes: tuple[int, ...], crossed: int) -> Mix:
        rows = sound(sizes, crossed)
        return (*rows[1:], rows[0])

    patch.setattr(sets, "main_effects", shifted)


def mean_of_one(patch: Patch) -> None:
    """state.py: a trunk runs on the text of its first member, not on the mean."""
    sound = state.of_nodes

    def first(cond: Any, nodes: tuple[Node, ...]) -> Any:
        return sound(cond, tuple(node[:1] for node in nodes))

    patch.setattr(engine_module, "of_nodes", first)


def features_never_renewed(patch: Patch) -> None:
    """planner.py and passes.py: what the first whole pass left is used to the end."""
    first: dict[int, Kept] = {}
    sound = Passes._entry

    def stale(self: Passes, kind: Kind, border: int) -> Kept | None:
        found = sound(self, kind, border)
        return None if found is None else first.setdefault(len(found.hidden), found)

    patch.setattr(Passes, "_entry", stale)


def features_of_zero(patch: Patch) -> None:
    """unet.py: a shallow pass enters with nothing."""
    sound = Passes._entry

    def empty(self: Passes, kind: Kind, border: int) -> Kept | None:
        found = sound(self, kind, border)
        return None if found is None else Kept(0 * found.hidden, found.skips)

    patch.setattr(Passes, "_entry", empty)


def maps_of_their_own(patch: Patch) -> None:
    """attention.py: nobody takes the pivot's map, so that nothing is saved."""
    sound = attention.from_pivot

    def own(attn: Any, x: Tensor, context: Tensor | None, memory: attention.Memory) -> Tensor:
        alone = [
            sound(attn, x[i : i + 1], None if context is None else context[i : i + 1],
                  attention.Memory(Attention.PIVOT))
            for i in range(len(x))
        ]  # fmt: skip
        return torch.cat(alone)

    patch.setattr(attention, "from_pivot", own)


def values_of_the_pivot(patch: Patch) -> None:
    """attention.py: the pivot's values for all, and not its map alone."""
    sound = attention.from_pivot

    def all_of_it(attn: Any, x: Tensor, context: Tensor | None, memory: attention.Memory) -> Tensor:
        shown = context[:1].expand_as(context) if context is not None else x[:1].expand_as(x)
        return sound(attn, x, shown, memory)

    patch.setattr(attention, "from_pivot", all_of_it)


def cache_of_zero(patch: Patch) -> None:
    """attention.py: cached attention comes back empty."""
    sound = attention.PlanAttention.__call__

    def empty(
        self: Any, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None, temb: Tensor | None = None, memory: Any = None,
    ) -> Tensor:  # fmt: skip
        # diffusers reads the names off the signature
        out = sound(self, attn, hidden_states, encoder_hidden_states, memory=memory)
        return 0 * out if memory is not None and memory.mode is Attention.CACHED else out

    patch.setattr(attention.PlanAttention, "__call__", empty)


def skips_in_another_order(patch: Patch) -> None:
    """unet.py: the up blocks of a skipped pass are given a step's features of another row."""
    sound = Kept.join

    def rolled(parts: list[Kept]) -> Kept:
        found = sound(parts)
        return Kept(found.hidden.roll(1, 0), tuple(s.roll(1, 0) for s in found.skips))

    patch.setattr(Kept, "join", staticmethod(rolled))


def never_guided(patch: Patch) -> None:
    """planner.py: the interval is over before it begins."""
    sound = planner._Maker._savings

    def never(self: Any, program: Any) -> Any:
        self.recipe = replace(self.recipe, guided=(98.0, 99.0))
        return sound(self, program)

    patch.setattr(planner._Maker, "_savings", never)


Break = Callable[[Patch], None]
BREAKS: list[tuple[str, Break]] = [
    ("shared-uncond", shared_on_the_first_node),
    ("carried", difference_turned_round),
    ("trunk", mean_of_one),
    ("additive", sums_of_other_values),
    ("deep", features_never_renewed),
    ("deep", features_of_zero),
    ("pivot", maps_of_their_own),
    ("pivot", values_of_the_pivot),
    ("cached", cache_of_zero),
    ("skip", skips_in_another_order),
    ("interval", never_guided),
]


def made(name: str) -> Plan:
    return ALONE[name] if name in ALONE else plan(name)


@pytest.mark.parametrize(("name", "break_it"), BREAKS, ids=[b.__name__ for _, b in BREAKS])
def test_a_broken_technique_leaves_its_bound(
    engine: Engine, name: str, break_it: Break, monkeypatch: Patch
) -> None:
    exact = engine.run(JOB, plan("exact"))

    def within() -> bool:
        out = engine.run(JOB, made(name))
        found = float((out - exact).norm() / exact.norm())
        return 1e-5 < found <= limit(engine, name)

    assert within()
    break_it(monkeypatch)
    assert not within()


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


@pytest.mark.parametrize("name", ALONE)
def test_a_published_technique_alone_stays_near(engine: Engine, name: str) -> None:
    exact = engine.run(JOB, plan("exact"))
    found = float((engine.run(JOB, ALONE[name]) - exact).norm() / exact.norm())
    assert 1e-5 < found <= limit(engine, name)


# --- savings that are not made ---


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("balanced", {"shared": False}), ("balanced", {"refresh": 1}),
        ("balanced", {"guidance_every": 1}), ("balanced", {"branch": ()}),
        ("fast", {"shared": False, "guidance_every": 1}), ("fast", {"refresh": 1}),
        ("fast", {"additive": 0}), ("deep", {"refresh": 1}), ("tree", {"tree": False}),
        ("shared-uncond", {"shared": False}), ("first-step", {"share_first": False}),
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
    monkeypatch.setitem(
        table, name, replace(table[name], alone=max(1, table[name].alone), **change)
    )
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

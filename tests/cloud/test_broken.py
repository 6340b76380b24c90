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

from obclip.cloud import attention, catchup, guidance, planner, sets, state
from obclip.cloud import engine as engine_module
from obclip.cloud.engine import Engine
from obclip.cloud.passes import Passes
from obclip.cloud.plan import Attention, Features, Kind, Mix, Node, Plan, Step, singles
from obclip.cloud.unet import Kept
from tests.cloud.test_techniques import BOUNDS, JOB, SPLIT, STEPS, follow, plan

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


def made_up_the_wrong_way(patch: Patch) -> None:
    """catchup.py: new nodes are moved away from where their texts lead."""
    sound = catchup.catch_up
    patch.setattr(engine_module, "catch_up", lambda *given: sound(*given[:-1], -given[-1]))


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
    ("catch-up", made_up_the_wrong_way),
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
    follow(engine, name, monkeypatch)
    exact = engine.run(JOB, plan("exact"))

    def within() -> bool:
        out = engine.run(JOB, made(name))
        found = float((out - exact).norm() / exact.norm())
        return 1e-5 < found <= limit(engine, name)

    assert within()
    break_it(monkeypatch)
    assert not within()


@pytest.mark.parametrize("name", ALONE)
def test_a_published_technique_alone_stays_near(engine: Engine, name: str) -> None:
    exact = engine.run(JOB, plan("exact"))
    found = float((engine.run(JOB, ALONE[name]) - exact).norm() / exact.norm())
    assert 1e-5 < found <= limit(engine, name)

"""Recipes a search begins with, and small changes to them. Branch points are in log-SNR."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from obclip.cloud.recipe import Recipe
from obclip.errors import PlanError

#: Branch points tried, in log-SNR: between the steps of Stable Diffusion's schedule (0 to 9 of 25),
#: and those of a schedule that begins in pure noise.
GRID = (
    -99.0, -7.0, -5.8, -4.9, -4.5, -4.2, -3.75, -3.4, -3.1, -2.75, -2.45, -2.15, -1.85,
)  # fmt: skip
#: For ``guidance_every``: guidance is renewed at branchings alone.
_NEVER = 99
#: Where a search begins besides the known plans: everyone at once or as a tree, early with rare
#: whole passes or later with more of them, guidance carried from the branching on or shared, or
#: everything renewed at one point.
STARTS: dict[str, Recipe] = {
    f"{name}-{share:g}": Recipe(
        branch=branch, tree=len(branch) > 1, guidance_every=every, shared=shared, refresh=refresh,
        depth=depth, additive=12, alone=alone, catch_up=share, share_equal=True,
    )
    for share in (0.75, 1.0)
    for name, branch, every, shared, refresh, depth, alone in (
        ("first", (-4.9,), _NEVER, False, 4, 1, 3),
        ("early", (-4.2,), _NEVER, False, 4, 2, 3),
        ("middle", (-3.75,), _NEVER, False, 3, 2, 2),
        ("late", (-3.4,), _NEVER, False, 2, 2, 2),
        ("tree", (-4.2, -3.4), _NEVER, False, 3, 2, 3),
        ("shared", (-4.2,), 1, True, 3, 1, 3),
        ("late shared", (-3.4,), 1, True, 3, 2, 2),
        ("sums", (-3.75,), _NEVER, False, 4, 1, 0),
    )
} | {
    f"renewed at {at:g}": Recipe(
        branch=(-4.2,), tree=False, renew=(at,), guidance_every=_NEVER, refresh=_NEVER, depth=1,
        additive=12, alone=3, catch_up=1.0, share_equal=True,
    )
    for at in (-3.4, -2.75)
}  # fmt: skip


def varied(parent: Recipe, rng: np.random.Generator) -> Recipe:
    """A recipe that differs from ``parent`` in one or two places."""
    child = parent
    for _ in range(int(rng.integers(1, 3))):
        while True:
            try:
                child = _step(child, rng)
            except PlanError:  # this change alone makes no recipe: another one
                continue
            break
    return child


def _step(parent: Recipe, rng: np.random.Generator) -> Recipe:
    field = str(rng.choice([
        "branch", "branch", "branch", "tree", "alone", "alone_from", "additive", "shared",
        "share_until", "guidance_every", "refresh", "depth", "catch_up", "renew",
    ]))  # fmt: skip
    if field == "branch":
        points = int(rng.integers(0, 4))  # none: everyone runs from the start
        chosen = rng.choice(len(GRID), points, replace=False)
        return replace(parent, branch=tuple(sorted(GRID[i] for i in chosen)))
    if field == "renew":
        chosen = rng.choice(len(GRID), int(rng.integers(0, 3)), replace=False)
        later = tuple(at for at in parent.renew if at > GRID[-1])
        return replace(parent, renew=tuple(sorted(GRID[i] for i in chosen)) + later)
    if field in ("alone_from", "share_until"):
        point: dict[str, Any] = {field: float(rng.choice(GRID))}
        return replace(parent, **point)
    if field in ("tree", "shared"):
        flag: dict[str, Any] = {field: not getattr(parent, field)}
        return replace(parent, **flag)
    if field == "catch_up":
        return replace(parent, catch_up=float(rng.choice([0.0, 0.5, 0.75, 1.0, 1.5])))
    if field == "guidance_every":
        return replace(parent, guidance_every=int(rng.choice([1, 2, 3, 4, _NEVER])))
    if field == "additive":
        least, crossed = ((0, 0), (4, 0), (4, 1), (12, 1))[int(rng.integers(4))]
        return replace(parent, additive=least, crossed=crossed)
    low, high = {"alone": (0, 3), "refresh": (1, 5), "depth": (1, 4)}[field]
    number: dict[str, Any] = {field: int(rng.integers(low, high + 1))}
    return replace(parent, **number)

"""Exact costs of all plans as tables: SD-1.x at 512 px and SDXL at 1024 px, k = 10 and 5 of 25."""

from __future__ import annotations

from math import prod
from typing import Any

import click

from obclip.cloud.cost import Count, counter, plan_cost
from obclip.cloud.plan import Attention, Kind
from obclip.cloud.planner import NAMED, SINGLE, build, make_plan
from obclip.cloud.recipe import Recipe
from obclip.diffusion.architectures import SD1, SDXL

STEPS = 25
#: name -> (UNet config, cells of a latent's side, value counts of the sets).
MODELS: dict[str, tuple[dict[str, Any], int, tuple[tuple[int, ...], ...]]] = {
    "SD-1.x, 512 px": (SD1, 64, ((2,), (2, 3), (2, 3, 5))),
    "SDXL, 1024 px": (SDXL, 128, ((2,), (2, 2), (2, 3))),
}
#: (plan, N, k) -> the paper's ratio, its table 7.
PUBLISHED = {
    ("paper-cache", 2, 10): 0.63, ("paper-cache", 6, 10): 1.89, ("paper-reuse", 2, 10): 0.59,
    ("paper-reuse", 6, 10): 1.77, ("paper-cache", 2, 5): 0.33, ("paper-cache", 6, 5): 0.99,
    ("paper-reuse", 2, 5): 0.31, ("paper-reuse", 6, 5): 0.90,
}  # fmt: skip


def tables(recipes: dict[str, Recipe] | None = None) -> None:
    """Prints a table a model and split, then the comparison with the paper.

    Args:
        recipes: these instead of the known ones, and nothing of the paper.
    """
    known = recipes or {**NAMED, **SINGLE}
    for title, (config, cells, shapes) in MODELS.items():
        count = counter(config, cells, cells, 77)
        for split in (10, 5):
            _table(title, count, split, shapes, known)
    if recipes is not None:
        return
    count = counter(SD1, 64, 64, 77)
    _published(count)
    plain = 1 - count(Kind(attention=Attention.CACHED), 1) / count(Kind(), 1)
    click.echo(f"\nAttention is {plain:.1%} of a pass of SD-1.x at 512 px, projections included.")


def _table(
    title: str, count: Count, split: int, shapes: tuple[tuple[int, ...], ...],
    recipes: dict[str, Recipe],
) -> None:  # fmt: skip
    click.echo(f"\n{title}, k = {split} of {STEPS}: cost as a ratio to cloud-only / to cloud-only "
               "with the same caching\n")  # fmt: skip
    heads = [f"N = {prod(s)} ({' x '.join(map(str, s))})" for s in shapes]
    click.echo(f"| plan | {' | '.join(heads)} |\n{'|---' * (len(heads) + 1)}|")
    for name, recipe in recipes.items():
        cells = []
        for sizes in shapes:
            found = plan_cost(build(recipe, prod(sizes), STEPS, split, sizes), count)
            cells.append(f"{found.ratio:.3f} / {found.ratio_cached:.3f}")
        click.echo(f"| {name} | {' | '.join(cells)} |")


def _published(count: Count) -> None:
    click.echo("\n| plan | N | k | paper | here | difference |\n|---|---|---|---|---|---|")
    for (name, n, split), paper in PUBLISHED.items():
        sizes = (2,) if n == 2 else (2, 3)
        here = plan_cost(make_plan(name, n, STEPS, split, sizes), count).ratio
        click.echo(f"| {name} | {n} | {split} | {paper} | {here:.3f} | {here / paper - 1:+.1%} |")

"""The tables of docs/plans.md out of result files, in Markdown."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from obclip.cloud.cost import counter, plan_cost
from obclip.cloud.planner import build
from obclip.cloud.recipe import Recipe
from obclip.diffusion.architectures import SD1
from obclip.evaluation.judge import Judge
from obclip.evaluation.metrics import Estimate
from training.plans.figures import (
    ATTRIBUTES,
    Row,
    accuracy,
    distance_to_real,
    least_kept,
    losses,
    mean,
    of_plan,
    unevenness,
    values,
    worst,
)
from training.plans.run import EXACT

#: Sets whose cost on the SD-1.x architecture stands beside each plan.
REFERENCE = ((2,), (2, 3), (2, 3, 5))


def report(head: dict[str, Any], rows: list[Row]) -> str:
    """All tables. A plan is compared on the sets that it was drawn on."""
    others = [name for name in head["plans"] if name != EXACT]
    sizes = sorted({len(row["asked"]) for row in rows})
    sampling = head["sampling"]
    lines = [
        f"{len(rows)} sets of `{head['prompts']}`, {sum(len(row['asked']) for row in rows)} "
        f"candidates (N = {', '.join(map(str, sizes))}), pair {head['pair']}, k = {head['split']} "
        f"of T = {sampling['steps']}, {sampling['scheduler']}, guidance {sampling['guidance']}, "
        f"{head['dtype']}, weights {head['weights']}.",
        *_costs(head, rows, others),
    ]
    finished = [name for name in others if of_plan(rows, name)]
    if finished:
        lines += [*_losses(rows, finished), *_by_value(rows, finished), *_distances(rows, finished),
                  *_evenness(rows, finished)]  # fmt: skip
    return "\n".join(lines)


def _table(said: str, heads: list[str], body: list[list[str]]) -> list[str]:
    lines = ["", said, "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return lines + [f"| {' | '.join(line)} |" for line in body]


def _costs(head: dict[str, Any], rows: list[Row], plans: list[str]) -> list[str]:
    count = counter(SD1, 64, 64, 77)
    steps, split = head["sampling"]["steps"], head["split"]
    body = []
    for name in plans:
        recipe = Recipe.of(head["plans"][name])
        ratios = [
            plan_cost(build(recipe, prod(s), steps, split, s), count).ratio for s in REFERENCE
        ]
        mine = [row for row in rows if name in row["plans"]]
        here = np.mean([row["plans"][name]["ratio"] / len(row["asked"]) for row in mine])
        far = [v for row in mine for v in row["plans"][name]["far"]]
        value, kept = least_kept(mine, name)
        body.append([
            name, *(f"{r:.3f}" for r in ratios), f"{here:.3f} N", f"{np.mean(far):.3f}",
            f"{value} {kept:.3f}", str(len(mine)),
        ])  # fmt: skip
    return _table(
        "Costs as ratios to cloud-only; at the hand-over, the distance to `exact` as a share of "
        "the candidates' own spread, and the value of which least is there.",
        ["plan", "SD-1.x N = 2", "N = 6", "N = 30", "this pair", "distance at k", "least kept",
         "sets"], body,
    )  # fmt: skip


def _losses(rows: list[Row], plans: list[str]) -> list[str]:
    columns = [ATTRIBUTES, *((a,) for a in ATTRIBUTES)]
    mine = of_plan(rows, EXACT)
    body = [["exact (accuracy)", *(accuracy(mine, EXACT, names) for names in columns), "",
             str(len(mine))]]  # fmt: skip
    for plan in plans:
        mine = of_plan(rows, plan)
        name, value = worst(mine, plan)
        found = [_bound(losses(mine, plan, names)) for names in columns]
        body.append([plan, *found, f"{name} {_bound(value)}", str(len(mine))])
    return _table(
        "Loss against `exact` in points of accuracy: mean (upper bound).",
        ["plan", "all", *ATTRIBUTES, "worst protected value", "sets"], body,
    )  # fmt: skip


def _by_value(rows: list[Row], plans: list[str]) -> list[str]:
    body = [
        [f"{a} {v}", *(_bound(losses(of_plan(rows, plan), plan, (a,), v)) for plan in plans)]
        for a, v in values(rows)
    ]
    return _table("The same for every protected value.", ["value", *plans], body)


def _distances(rows: list[Row], plans: list[str]) -> list[str]:
    real = Judge.real_features()
    body = []
    for plan in [EXACT, *plans]:
        mine = of_plan(rows, plan)
        paired = ["", ""] if plan == EXACT else [
            f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"
            for e in (mean(mine, plan, "distance"), mean(mine, plan, "psnr"))
        ]  # fmt: skip
        same = distance_to_real(mine, EXACT, real)
        body.append([plan, *paired, f"{distance_to_real(mine, plan, real):.4f} ({same:.4f})"])
    return _table(
        "Distances; in brackets that of `exact` on the same sets.",
        ["plan", "distance to exact", "PSNR to exact, dB", "KID to real"], body,
    )  # fmt: skip


def _evenness(rows: list[Row], plans: list[str]) -> list[str]:
    body = []
    for plan in plans:
        cells = []
        for measure in ("right", "sure", "distance"):
            found, median, high = unevenness(of_plan(rows, plan), plan, measure)
            cells.append(f"{found:.3f} ({median:.3f}, {high:.3f})")
        body.append([plan, *cells])
    return _table(
        "Largest less smallest mean over positions, with what chance alone makes of it "
        "(median, 95 % quantile).",
        ["plan", "loss of accuracy, points", "loss of the judge's probability, points",
         "distance"], body,
    )  # fmt: skip


def _bound(found: Estimate | None) -> str:
    return "" if found is None else f"{found.value:+.2f} ({found.high:+.2f})"

"""What plans lose against ``exact`` in result files, paired, by candidate.

All intervals are cluster bootstraps by set (95 %, two-sided; the bound of a loss is the upper end).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from obclip.evaluation.metrics import Estimate, cluster_bootstrap, kid
from training.plans.run import EXACT, unpacked

ATTRIBUTES = ("gender", "age", "tone", "concept")
#: Attributes whose values are protected: every value must keep its quality.
PROTECTED = ("gender", "age", "tone")
#: Positions are compared only where this many sets of one shape are there.
ENOUGH = 10

Row = dict[str, Any]


def losses(rows: list[Row], plan: str, attributes: tuple[str, ...], value: str | None = None) -> (
    Estimate | None
):  # fmt: skip
    """Accuracy of ``exact`` less that of a plan, in points, over all asked-for attributes given."""
    found, sets = [], []
    for row in rows:
        exact, other = row["plans"][EXACT]["values"], row["plans"][plan]["values"]
        for asked, a, b in zip(row["asked"], exact, other, strict=True):
            for name in attributes:
                if name in asked and value in (None, asked[name]):
                    right = asked[name]
                    found.append(100.0 * ((a[name] == right) - (b[name] == right)))
                    sets.append(row["set"])
    return cluster_bootstrap(found, sets) if found else None


def accuracy(rows: list[Row], plan: str, attributes: tuple[str, ...]) -> str:
    """Share of asked-for values that the judge sees, in points."""
    found, sets = [], []
    for row in rows:
        for asked, seen in zip(row["asked"], row["plans"][plan]["values"], strict=True):
            for name in set(attributes) & set(asked):
                found.append(100.0 * (seen[name] == asked[name]))
                sets.append(row["set"])
    return f"{cluster_bootstrap(found, sets).value:.1f}" if found else ""


def values(rows: list[Row]) -> list[tuple[str, str]]:
    """(attribute, value) of every protected value that is asked for."""
    return sorted(
        {(a, asked[a]) for row in rows for asked in row["asked"] for a in PROTECTED if a in asked}
    )


def worst(rows: list[Row], plan: str) -> tuple[str, Estimate]:
    """The protected value with the largest mean loss."""
    found = [(f"{a} {v}", losses(rows, plan, (a,), v)) for a, v in values(rows)]
    return max(((n, e) for n, e in found if e is not None), key=lambda pair: pair[1].value)


def least_kept(rows: list[Row], plan: str) -> tuple[str, float]:
    """The protected value that is drawn to the set's mean most, and how much of it is there."""
    found = {
        f"{a} {v}": [
            kept
            for row in rows
            for asked, kept in zip(row["asked"], row["plans"][plan]["kept"], strict=True)
            if asked.get(a) == v
        ]
        for a, v in values(rows)
    }
    return min(((n, sum(k) / len(k)) for n, k in found.items() if k), key=lambda pair: pair[1])


def of_plan(rows: list[Row], plan: str) -> list[Row]:
    """The sets that were drawn under a plan and finished."""
    return [row for row in rows if "values" in row["plans"].get(plan, {})]


def mean(rows: list[Row], plan: str, key: str) -> Estimate:
    """Mean of a number kept by candidate."""
    values = [(v, row["set"]) for row in rows for v in row["plans"][plan][key]]
    return cluster_bootstrap([v for v, _ in values], [s for _, s in values])


def distance_to_real(rows: list[Row], plan: str, real: torch.Tensor) -> float:
    """KID in the judge's features."""
    made = [unpacked(r["plans"][plan]["features"], len(r["asked"])) for r in rows]
    return kid(real, torch.from_numpy(np.concatenate(made)))


def _by_candidate(row: Row, plan: str, measure: str) -> list[float]:
    one, other = row["plans"][EXACT], row["plans"][plan]
    if measure == "distance":
        return list(other["distance"])
    out = []
    for i, asked in enumerate(row["asked"]):
        names = [a for a in ATTRIBUTES if a in asked]
        if measure == "sure":
            lost = [one["sure"][i][a] - other["sure"][i][a] for a in names]
        else:
            lost = [
                float(one["values"][i][a] == asked[a]) - float(other["values"][i][a] == asked[a])
                for a in names
            ]
        out.append(100 * sum(lost) / len(lost))
    return out


def unevenness(
    rows: list[Row], plan: str, measure: str, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """(max less min over positions, the same by chance: median and 95 % quantile).

    By chance: candidates of each set in a random order. Sets of one shape (attributes in order)
    are compared position by position; shapes weigh by their candidates.
    """
    shapes: dict[str, list[list[float]]] = defaultdict(list)
    for row in rows:
        shapes[str(row["attributes"])].append(_by_candidate(row, plan, measure))
    tables = [np.asarray(t) for t in shapes.values() if len(t) >= ENOUGH]
    if not tables:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(seed)

    def spread(shuffled: Callable[[Any], Any]) -> float:
        found = [(np.ptp(shuffled(t).mean(0)), t.size) for t in tables]
        return float(sum(s * w for s, w in found) / sum(w for _, w in found))

    chance = [spread(lambda t: rng.permuted(t, axis=1)) for _ in range(draws)]
    return spread(lambda t: t), float(np.median(chance)), float(np.quantile(chance, 0.95))

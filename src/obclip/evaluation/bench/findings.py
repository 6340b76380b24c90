"""Does the paper's order hold? In words, from differences of pictures with one prompt and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from obclip.evaluation.bench.score import Figures
from obclip.evaluation.bench.table import Line
from obclip.evaluation.metrics import Estimate, cluster_bootstrap

Cells = Mapping[tuple[str, int, int], Figures]


def difference(a: Figures | None, b: Figures | None) -> Estimate | None:
    """Mean of ``a`` minus ``b`` over the prompts that both drew, in the share of asked-for values
    seen; both began with one noise. None without a judge or a common prompt.
    """
    if a is None or b is None:
        return None
    common = sorted(a.right.keys() & b.right.keys())
    return cluster_bootstrap([a.right[i] - b.right[i] for i in common], common) if common else None


def findings(lines: Sequence[Line]) -> list[str]:
    """Three statements of the paper at every N, each with what the figures say of it."""
    by = {(x.row.name, x.n, x.k): x.figures for x in lines if x.figures is not None}
    out: list[str] = []
    for n in sorted({x.n for x in lines}):
        ks = sorted({x.k for x in lines if x.n == n}, reverse=True)
        for k in ks:
            out += _order(by, n, k)
        for high, low in pairwise(ks):
            found = difference(by.get(("obclip", n, high)), by.get(("obclip", n, low)))
            if found is not None:
                out.append(
                    f"N = {n}: quality falls with k: {_told(found)} "
                    f"(ObCLIP, k = {high} minus k = {low}: {points(found)})"
                )
    return out


def _order(by: Cells, n: int, k: int) -> list[str]:
    ours = by.get(("obclip", n, k))
    out = []
    for other, sign, claim in (
        ("device-only", 1, "ObCLIP is better than device only"),
        ("cloud-only", -1, "ObCLIP is below cloud only"),
    ):
        found = difference(ours, by.get((other, n, k)))
        if found is not None:
            told = _told(found) if sign > 0 else _told(_negative(found))
            out.append(f"N = {n}, k = {k}: {claim}: {told} ({points(found)})")
    return out


def _negative(e: Estimate) -> Estimate:
    return Estimate(-e.value, -e.high, -e.low, e.clusters)


def _told(e: Estimate) -> str:
    """Whether a difference that the paper has above zero is."""
    if e.low > 0:
        return "yes"
    if e.high < 0:
        return "no, the other way round"
    return "not told apart by these prompts"


def points(e: Estimate) -> str:
    """In points of a hundred, with the interval and the prompts behind it."""
    return (
        f"{100 * e.value:+.1f} points [{100 * e.low:+.1f}, {100 * e.high:+.1f}], "
        f"{e.clusters} prompts"
    )

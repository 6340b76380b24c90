"""The tables: every row at every N and k, and the paper's own layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from obclip.evaluation.bench.cost import Flops, paper
from obclip.evaluation.bench.rows import Row
from obclip.evaluation.bench.score import Figures
from obclip.evaluation.metrics import Estimate


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line: a row at one N and k, with its figures if pictures were drawn."""

    row: Row
    n: int
    k: int
    figures: Figures | None
    flops: Flops


def short(e: Estimate | None, digits: int = 3) -> str:
    """A value with its interval, or a dash where it was not measured."""
    if e is None:
        return "-"
    return f"{e.value:.{digits}f} [{e.low:.{digits}f}, {e.high:.{digits}f}]"


def seconds(value: float) -> str:
    return "-" if value == 0 else f"{value:.2f}"


HEAD = (
    "method", "n", "accuracy", "caption", "Frechet", "KID", "FLOPs/cloud-only", "paper",
    "device FLOPs", "cloud s", "device s", "line s", "KiB up", "KiB down",
)  # fmt: skip


def cells(line: Line, megabits: float) -> tuple[str, ...]:
    """One line of ``HEAD``."""
    f, ratio = line.figures, line.flops.ratio
    left = (
        (line.row.title, "0", *["-"] * 4)
        if f is None
        else (
            line.row.title, str(f.pictures), short(f.mean_accuracy), short(f.caption),
            short(f.frechet, 2), short(f.kid, 2),
        )
    )  # fmt: skip
    cost = (
        "-" if ratio is None else f"{ratio:.2f}",
        paper(line.row.name, line.n, line.k),
        f"{line.flops.device / line.flops.cloud_only:.2f}",
    )
    if f is None:
        return (*left, *cost, *["-"] * 5)
    return (
        *left, *cost, seconds(f.cloud.value), seconds(f.device.value),
        f"{f.transfer(megabits):.3f}", f"{f.up / 1024:.1f}", f"{f.down / 1024:.1f}",
    )  # fmt: skip


def per_attribute(figures: Sequence[Figures]) -> list[tuple[str, int, int, dict[str, str]]]:
    """(row, N, k, attribute -> accuracy) of every cell."""
    return [(f.row, f.n, f.k, {a: short(e) for a, e in f.attributes.items()}) for f in figures]


def findings(lines: Sequence[Line]) -> list[str]:
    """Whether the paper's order holds, in words, from the figures alone."""
    out = []
    by = {(x.row.name, x.n, x.k): x.figures for x in lines if x.figures is not None}
    for n in sorted({x.n for x in lines}):
        ks = sorted({x.k for x in lines if x.n == n}, reverse=True)
        for k in ks:
            found = {
                name: by.get((name, n, k))
                for name in ("cloud-only", "device-only", "obclip", "hybrid")
            }
            good = {name: f.mean_accuracy for name, f in found.items() if f and f.mean_accuracy}
            if {"cloud-only", "device-only", "obclip"} <= set(good):
                c, d, o = (good[x].value for x in ("cloud-only", "device-only", "obclip"))
                order = "holds" if d <= o <= c else "does not hold"
                out.append(
                    f"N = {n}, k = {k}: accuracy device only {d:.3f}, ObCLIP {o:.3f}, cloud only "
                    f"{c:.3f}: the paper's order {order}"
                    + ("" if _apart(good["device-only"], good["obclip"]) else
                       " (intervals of device only and ObCLIP overlap)")
                )  # fmt: skip
        pair = [by.get(("obclip", n, k)) for k in ks]
        if len(ks) > 1 and all(f and f.mean_accuracy for f in pair):
            values = [f.mean_accuracy.value for f in pair if f and f.mean_accuracy]
            falls = all(a >= b for a, b in pairwise(values))
            told = ", ".join(f"k = {k} {v:.3f}" for k, v in zip(ks, values, strict=True))
            out.append(f"N = {n}: quality {'falls' if falls else 'does not fall'} with k: {told}")
    return out


def _apart(a: Estimate, b: Estimate) -> bool:
    return a.high < b.low or b.high < a.low

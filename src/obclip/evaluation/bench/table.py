"""The tables: every row at every N and k, and the layout of the paper's Table 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from obclip.evaluation.bench.cost import Flops, paper
from obclip.evaluation.bench.rows import Row
from obclip.evaluation.bench.score import Figures
from obclip.evaluation.metrics import Estimate


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line: a row at one N and k, with its figures if pictures were drawn.

    ``told``: how often the words that it sends name the own member. ``few``: drawn on fewer prompts
    than the rows beside it, so that its Frechet distance, biased upwards, does not compare.
    """

    row: Row
    n: int
    k: int
    figures: Figures | None
    flops: Flops
    told: Estimate | None = None
    few: bool = False


def around(e: Estimate | None, digits: int = 3) -> str:
    """A value with half of its interval's width, or a dash where it was not measured."""
    if e is None:
        return "-"
    half = (e.high - e.low) / 2
    return f"{e.value:.{digits}f}" + (f" ±{half:.{digits}f}" if half else "")


def short(e: Estimate | None, digits: int = 3) -> str:
    """A value with its interval, or a dash where it was not measured."""
    if e is None:
        return "-"
    return f"{e.value:.{digits}f} [{e.low:.{digits}f}, {e.high:.{digits}f}]"


def seconds(value: float) -> str:
    return "-" if value == 0 else f"{value:.2f}"


HEAD = (
    "method", "pictures", "accuracy", "caption", "Frechet", "KID", "cloud FLOPs", "paper",
    "device FLOPs", "cloud s", "device s", "line s", "KiB up", "KiB down", "words tell",
)  # fmt: skip


def cells(line: Line, megabits: float) -> tuple[str, ...]:
    """One line of ``HEAD``. FLOPs are over those of one cloud-only generation."""
    f, ratio = line.figures, line.flops.ratio
    cost = (
        "-" if ratio is None else f"{ratio:.2f}",
        paper(line.row.name, line.n, line.k) or "-",
        f"{line.flops.device / line.flops.cloud_only:.2f}",
    )
    told = short(line.told, 2)
    if f is None:
        return (line.row.title, "0", *["-"] * 4, *cost, *["-"] * 5, told)
    return (
        line.row.title, str(f.pictures), short(f.mean_accuracy), short(f.caption),
        short(f.frechet, 2) + ("*" if line.few and f.frechet else ""), short(f.kid, 2), *cost,
        seconds(f.cloud.value), seconds(f.device.value), f"{f.transfer(megabits):.3f}",
        f"{f.up / 1024:.1f}", f"{f.down / 1024:.1f}", told,
    )  # fmt: skip


def per_attribute(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """A head, then accuracy by attribute of every line that was judged."""
    judged = [x for x in lines if x.figures is not None and x.figures.attributes]
    names = list(dict.fromkeys(a for x in judged if x.figures for a in x.figures.attributes))
    rows = [
        (x.row.title.strip(), *(short(x.figures.attributes.get(a)) for a in names))
        for x in judged
        if x.figures
    ]
    return [("method", *names), *rows] if rows else []


def paper_layout(lines: Sequence[Line]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows as in the paper's Table 2: N side by side, rows without k first, then a block
    for each k; a row of one cell heads a block. Half of each 95 % interval stands behind a value.
    """
    ns = list(dict.fromkeys(x.n for x in lines))
    by = {(x.row.name, x.n, x.k): x for x in lines}
    head = ("method", *(f"N={n}: {name}" if len(ns) > 1 else name for n in ns for name in LAYOUT))

    def one(row: Row, k: int) -> tuple[str, ...]:
        cells = [_layout(by[row.name, n, k]) for n in ns]
        return (row.title, *(cell for group in cells for cell in group))

    ks = list(dict.fromkeys(x.k for x in lines))
    rows = list({x.row.name: x.row for x in lines}.values())
    out = [one(row, ks[0]) for row in rows if not row.splits and row.epsilon is None]
    for k in ks:
        out += [(f"k = {k}",), *(one(row, k) for row in rows if row.splits)]
    noisy = [one(row, ks[0]) for row in rows if row.epsilon is not None]
    return head, [*out, *([("differential privacy",), *noisy] if noisy else [])]


#: Columns of one N in the paper's layout.
LAYOUT = ("pictures", "Frechet", "caption", "accuracy", "FLOPs", "paper", "cloud s", "device s",
          "words tell")  # fmt: skip


def _layout(line: Line) -> tuple[str, ...]:
    f, ratio = line.figures, line.flops.ratio
    cost = ("-" if ratio is None else f"{ratio:.2f}", paper(line.row.name, line.n, line.k) or "-")
    told = "-" if line.told is None else around(line.told, 2)
    if f is None:
        return ("0", "-", "-", "-", *cost, "-", "-", told)
    return (
        str(f.pictures), around(f.frechet, 1) + ("*" if line.few and f.frechet else ""),
        around(f.caption), around(f.mean_accuracy), *cost, seconds(f.cloud.value),
        seconds(f.device.value), told,
    )  # fmt: skip


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a row of one cell becomes a line in bold."""
    full = [[f"**{row[0]}**", *[""] * (len(head) - 1)] if len(row) == 1 else row for row in rows]
    lines = [head, ["---"] * len(head), *full]
    return "\n".join("| " + " | ".join(c.strip() for c in line) + " |" for line in lines) + "\n"


def extras(lines: Sequence[Line]) -> list[str]:
    """What a row measured beside: the seconds of encryption, by operation and picture."""
    out = []
    for (name, n), f in {(x.row.title.strip(), x.n): x.figures for x in lines}.items():
        if f is not None and f.extra:
            parts = ", ".join(f"{key.removeprefix('seconds: ')} {value:.2f}"
                              for key, value in f.extra.items())  # fmt: skip
            out.append(f"{name}, N = {n}, seconds a picture (mean of {f.pictures}): {parts}")
    return out

"""The report's plots as SVG text: quality against cost, and against what the words tell."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from obclip.evaluation.bench.rows import Row
from obclip.evaluation.bench.table import Line
from obclip.evaluation.metrics import Estimate

#: A marker for what the cloud is given: a set, one prompt in clear, one changed prompt, nothing.
_MARKS = {"set": "o", "clear": "s", "changed": "^", "nothing": "D"}


def plot(lines: Sequence[Line]) -> str:
    """One point a method, accuracy upwards in both panels; empty without a judge."""
    found = [x for x in lines if x.figures is not None and x.figures.mean_accuracy is not None]
    if not found:
        return ""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    cost, told = figure.subplots(1, 2, sharey=True)
    costs, guesses = _Beside(lambda x, i: x * 1.05**i), _Beside(lambda x, i: x + 0.012 * i)
    for i, x in enumerate(found):
        assert x.figures is not None  # noqa: S101 chosen above
        style: dict[str, Any] = {
            "fmt": _MARKS[_given(x.row)], "color": _colour(i, x.row), "capsize": 2, "markersize": 6,
            "elinewidth": 0.8, "alpha": 0.85, "label": x.row.title.strip(),
        }  # fmt: skip
        good = x.figures.mean_accuracy
        assert good is not None  # noqa: S101 chosen above
        if x.flops.ratio is not None:
            # device-only costs the cloud nothing; a logarithm has no place for that
            _point(cost, costs(max(x.flops.ratio, 0.02)), good, **style)
        if x.told is not None:
            _point(told, guesses(x.told.value), good, **style)
    cost.set_xscale("log")
    ticks = {0.02: "0", 0.05: "0.05", 0.1: "0.1", 0.2: "0.2", 0.5: "0.5", 1: "1", 2: "2", 6: "6"}
    cost.xaxis.set_major_locator(FixedLocator(list(ticks)))
    cost.xaxis.set_minor_locator(NullLocator())
    cost.set_xticklabels(list(ticks.values()))
    cost.set_xlabel("cloud FLOPs over one cloud-only generation (log scale)")
    cost.set_ylabel("asked-for values seen by the judge")
    told.set_xlabel("how often the words sent name the own member")
    told.set_xlim(left=0)
    for axes in (cost, told):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = told.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside right upper", frameon=False)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


class _Beside:
    """Moves what would stand on another point a little aside: 0, +1, -1, +2, ... places."""

    def __init__(self, move: Callable[[float, int], float]) -> None:
        self.move = move
        self.taken: dict[float, int] = {}

    def __call__(self, x: float) -> float:
        count = self.taken.get(round(x, 2), 0)
        self.taken[round(x, 2)] = count + 1
        return self.move(x, (count + 1) // 2 * (1 if count % 2 else -1))


def _point(axes: Any, x: float, good: Estimate, **style: Any) -> None:
    # an estimate may lie outside its bootstrap interval by rounding alone
    low, high = max(0.0, good.value - good.low), max(0.0, good.high - good.value)
    axes.errorbar(x, good.value, yerr=[[low], [high]], **style)


def _given(row: Row) -> str:
    if row.method == "device-only":
        return "nothing"
    if row.method in ("oblivious", "vanilla"):
        return "set"
    return "changed" if row.private else "clear"


def _colour(place: int, row: Row) -> str:
    """Differential privacy from pale to dark by epsilon, a colour of its own for each other row."""
    if row.method == "he-diffusion":
        return "black"  # the eleventh row: the ten colours are taken
    if row.epsilon is None:
        return f"C{place % 10}"
    shade = {1.0: 0.35, 4.0: 0.55, 8.0: 0.75}.get(row.epsilon, 0.95)
    r, g, b = (0.5, 0.1, 0.5) if row.method == "santext" else (0.1, 0.4, 0.2)
    mixed = [round(255 * (shade * c + 1 - shade)) for c in (r, g, b)]
    return "#" + "".join(f"{c:02x}" for c in mixed)

"""``obclip plan --curve``: cost and memory over the size of the set, as a table and a drawing."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import prod
from typing import TYPE_CHECKING

from obclip.cli._plan_numbers import GIB

if TYPE_CHECKING:
    from obclip.cli._plan_numbers import Model

#: Value counts of the sets on the curve: N = 1, 2, 4, 6, 12, 30, 64.
SETS: tuple[tuple[int, ...], ...] = ((), (2,), (2, 2), (2, 3), (3, 4), (2, 3, 5), (4, 4, 4))
#: Rows of a model call, as a server has it unless told.
BATCH = 32

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 330, 240, 60, 44, 90  # pixels
#: Okabe and Ito 2008: told apart by colour-blind readers too.
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@dataclass(frozen=True, slots=True)
class Point:
    """One set under one plan: cost as a ratio to one cloud-only generation, and peak bytes."""

    n: int
    ratio: float
    peak: int


def points(name: str, model: Model, steps: int, split: int) -> list[Point]:
    """The curve of a named plan."""
    from obclip.cloud.planner import make_plan

    out = []
    for sizes in SETS:
        plan = make_plan(name, prod(sizes), steps, split, sizes or None, model.schedule)
        out.append(Point(plan.n, model.cost(plan).ratio, model.peak(plan, BATCH)))
    return out


def table(curves: dict[str, list[Point]]) -> str:
    """The curves in Markdown: cost, and memory in GiB."""
    ns = [p.n for p in next(iter(curves.values()))]
    head = " | ".join(f"N = {n}" for n in ns)
    lines = [f"| plan | {head} |", "|---" * (len(ns) + 1) + "|"]
    for name, found in curves.items():
        lines.append(f"| {name}, cost | {' | '.join(f'{p.ratio:.2f}' for p in found)} |")
        lines.append(f"| {name}, GiB | {' | '.join(f'{p.peak / GIB:.2f}' for p in found)} |")
    return "\n".join(lines)


def as_svg(curves: dict[str, list[Point]], title: str) -> str:
    """Two panels side by side: cost and memory against N, both axes linear."""
    width, height = 2 * (_WIDTH + _GAP) + 70, _TOP + _HEIGHT + 46
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="8" y="16" font-size="13">{escape(title)}</text>'
    ]
    cost = {name: [(p.n, p.ratio) for p in found] for name, found in curves.items()}
    memory = {name: [(p.n, p.peak / GIB) for p in found] for name, found in curves.items()}
    out += _panel(cost, _LEFT, "cost, in ordinary cloud-only generations")
    out += _panel(memory, _LEFT + _WIDTH + _GAP, f"peak memory, GiB, {BATCH} rows a call")
    return "\n".join([*out, "</svg>"]) + "\n"


def _panel(curves: dict[str, list[tuple[int, float]]], left: int, title: str) -> list[str]:
    most_n = max(n for found in curves.values() for n, _ in found)
    top = _round_up(max(v for found in curves.values() for _, v in found))
    bottom = _TOP + _HEIGHT

    def x(n: float) -> float:
        return left + _WIDTH * n / most_n

    def y(value: float) -> float:
        return bottom - _HEIGHT * value / top

    out = [f'<text x="{left}" y="{_TOP - 10}">{escape(title)}</text>']
    for i in range(5):
        value = top * i / 4
        out.append(
            f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="#d0d7dc"/><text x="{left - 6}" y="{y(value) + 4:.1f}" '
            f'text-anchor="end">{value:g}</text>'
        )
    for n, _ in next(iter(curves.values())):
        if n not in (1, 4):  # too near their neighbours to be read
            out.append(f'<text x="{x(n):.1f}" y="{bottom + 15}" text-anchor="middle">{n}</text>')
    out.append(f'<text x="{left + _WIDTH / 2}" y="{bottom + 32}" text-anchor="middle">N</text>')
    names = _apart([(name, y(found[-1][1])) for name, found in curves.items()])
    for i, (name, found) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        line = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, value in found)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [
            f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="2.5" fill="{colour}"/>' for n, v in found
        ]
        out.append(
            f'<text x="{left + _WIDTH + 6}" y="{names[name] + 4:.1f}" fill="{colour}">'
            f"{escape(name)}</text>"
        )
    return out


def _apart(places: list[tuple[str, float]], least: float = 13.0) -> dict[str, float]:
    """Heights of the names at the curves' ends, moved up until none covers another."""
    out: dict[str, float] = {}
    above = float("inf")
    for name, height in sorted(places, key=lambda p: -p[1]):
        above = out[name] = min(height, above - least)
    return out


def _round_up(value: float) -> float:
    """The next number of 1, 2, 4, 5, 6, 8, 10 times a power of ten."""
    power = 10.0 ** len(str(int(value))) / 10
    return next(s * power for s in (1, 2, 3, 4, 5, 6, 8, 10) if s * power >= value)

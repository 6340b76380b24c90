"""Bar charts as SVG, by the standard library alone: ``obclip audit`` draws its figures here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Chart", "draw"]

_LEFT, _WIDTH, _BAR, _GAP, _TITLE, _PAD = 190, 420, 16, 6, 30, 18
_FILL, _INK, _MUTED = "#3b6ea5", "#1c1c1c", "#666666"


@dataclass(frozen=True, slots=True)
class Chart:
    """One titled chart of horizontal bars; ``bars`` holds (label, length, text at the end)."""

    title: str
    bars: tuple[tuple[str, float, str], ...]


def draw(charts: Sequence[Chart], caption: str) -> str:
    """The charts below one another as one SVG document; lengths are scaled chart by chart."""
    parts: list[str] = []
    y = float(_PAD)
    parts.append(_text(_PAD, y + 12, caption, _MUTED, 12, "start"))
    y += _TITLE
    for chart in charts:
        parts.append(_text(_PAD, y + 14, chart.title, _INK, 14, "start"))
        y += _TITLE
        longest = max((length for _, length, _ in chart.bars), default=0.0) or 1.0
        if not chart.bars:
            parts.append(_text(_PAD, y + 12, "none", _MUTED, 12, "start"))
            y += _BAR + _GAP
        for label, length, end in chart.bars:
            width = max(1.0, _WIDTH * length / longest)
            parts.append(_text(_LEFT - 8, y + 12, label, _INK, 12, "end"))
            parts.append(
                f'<rect x="{_LEFT}" y="{y:g}" width="{width:.1f}" height="{_BAR}" fill="{_FILL}"/>'
            )
            parts.append(_text(_LEFT + width + 6, y + 12, end, _MUTED, 12, "start"))
            y += _BAR + _GAP
        y += _PAD
    total = _LEFT + _WIDTH + 130
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{y:g}" '
        f'viewBox="0 0 {total} {y:g}" font-family="sans-serif">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, fill: str, size: int, anchor: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{fill}" font-size="{size}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )

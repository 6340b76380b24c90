"""A plan drawn: SVG as text, or a bitmap. Candidates down, steps across, runs coloured."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from obclip.cloud.picture import MARKS, cells
from obclip.cloud.plan import Plan

if TYPE_CHECKING:
    from PIL import Image

CELL, TOP, LEFT, LINE = 16, 34, 40, 18  # pixels

#: Colour-blind safe (Okabe and Ito 2008); darker is dearer.
COLOURS: dict[str, str] = {
    "full": "#0072b2",
    "conditional": "#56b4e9",
    "shallow": "#009e73",
    "shallow-conditional": "#9fd9c6",
    "pivot": "#cc79a7",
    "cached": "#e69f00",
    "skip": "#d55e00",
    "shared": "#e8eef2",
    "sum": "#f0e442",
    "device": "#ffffff",
}

#: (left, top, right, bottom, colour) in pixels.
Box = tuple[int, int, int, int, str]


def _layout(plan: Plan) -> tuple[int, int, list[Box], list[tuple[int, int, str]]]:
    """(width, height, boxes, (x, y of the baseline, text))."""
    boxes: list[Box] = []
    for row, line in enumerate(cells(plan)):
        whole = [*line, *["device"] * (plan.steps - plan.split)]
        for column, word in enumerate(whole):
            x, y = LEFT + column * CELL, TOP + row * CELL
            boxes.append((x, y, x + CELL - 2, y + CELL - 2, COLOURS[word]))
    bottom = TOP + plan.n * CELL
    texts = [(4, TOP + 12 + row * CELL, str(row)) for row in range(plan.n)]
    texts += [(LEFT + c * CELL, TOP - 4, str(c)) for c in range(0, plan.steps, 5)]
    used = {b[4] for b in boxes}
    words = [w for w in MARKS if COLOURS[w] in used]
    for i, word in enumerate(words):
        y = bottom + 8 + i * LINE
        boxes.append((LEFT, y, LEFT + CELL - 2, y + CELL - 2, COLOURS[word]))
        texts.append((LEFT + CELL + 4, y + 11, MARKS[word][1]))
    width = max(LEFT + plan.steps * CELL + 4, 520)
    return width, bottom + 12 + len(words) * LINE, boxes, texts


def as_svg(plan: Plan, title: str) -> str:
    """A stand-alone SVG document."""
    width, height, boxes, texts = _layout(plan)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="4" y="13">{escape(title)}</text>'
    ]
    out += [
        f'<rect x="{x}" y="{y}" width="{right - x}" height="{bottom - y}" fill="{colour}" '
        f'stroke="#c8d0d6" stroke-width="0.5"/>'
        for x, y, right, bottom, colour in boxes
    ]
    out += [f'<text x="{x}" y="{y}">{escape(text)}</text>' for x, y, text in texts]
    return "\n".join([*out, "</svg>"]) + "\n"


def as_image(plan: Plan, title: str) -> Image.Image:
    """The same as a bitmap."""
    from PIL import Image, ImageDraw

    width, height, boxes, texts = _layout(plan)
    picture = Image.new("RGB", (width, height), "#ffffff")
    pen = ImageDraw.Draw(picture)
    pen.text((4, 3), title, fill="#000000")
    for x, y, right, bottom, colour in boxes:
        pen.rectangle((x, y, right, bottom), fill=colour, outline="#c8d0d6")
    for x, y, text in texts:
        pen.text((x, y - 10), text, fill="#000000")
    return picture

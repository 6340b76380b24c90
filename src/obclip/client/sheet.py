"""Contact sheets: the pictures of a set side by side, each with its prompt."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from obclip.errors import OutputError

_PAD, _LINE, _LINES = 8, 14, 5


def contact_sheet(
    pictures: Sequence[Image.Image], captions: Sequence[str], *, columns: int | None = None
) -> Image.Image:
    """One RGB picture of all, in the order given, with captions below, at least 128 px each.

    Raises:
        OutputError: there is nothing to show.
    """
    if not pictures:
        raise OutputError("no pictures to show", got=0, expected="1 or more")
    across = columns or min(len(pictures), max(2, math.ceil(math.sqrt(len(pictures) * 1.6))))
    down = math.ceil(len(pictures) / across)
    side = max(pictures[0].width, 128)
    cell_w, cell_h = side + _PAD, side + _LINE * _LINES + _PAD
    sheet = Image.new("RGB", (across * cell_w + _PAD, down * cell_h + _PAD), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = _PAD + (i % across) * cell_w, _PAD + (i // across) * cell_h
        sheet.paste(picture.resize((side, side)) if picture.width < side else picture, (x, y))
        lines = textwrap.wrap(caption, max(12, side // 6), max_lines=_LINES, placeholder=" …")
        draw.multiline_text((x, y + side + 2), "\n".join(lines), fill="black", font=font, spacing=2)
    return sheet

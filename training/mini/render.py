"""SVG to pixels: premultiplied RGBA at 128 px, and its composition on a flat background."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from training.mini.catalogue import Item, load

SIZE = 128
MARGIN = 4


def rgba(svg: str, size: int = SIZE) -> NDArray[np.uint8]:
    """``(size, size, 4)`` straight-alpha RGBA, the drawing centred with a small margin."""
    inner = size - 2 * MARGIN
    png = resvg_py.svg_to_bytes(svg_string=svg, width=inner, height=inner)
    picture = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    canvas = Image.new("RGBA", (size, size))
    canvas.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return np.asarray(canvas)


def on_background(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """``(..., H, W, 4)`` RGBA over a flat colour, as ``(..., H, W, 3)`` RGB."""
    alpha = pixels[..., 3:].astype(np.float32) / 255
    flat = np.asarray(colour, dtype=np.float32)
    mixed = pixels[..., :3].astype(np.float32) * alpha + flat * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)


def render_all(packages: Path, work: Path) -> list[Item]:
    """Renders every item once into ``work/rgba.npy`` (n, 128, 128, 4); returns the items."""
    items = list(load(packages))
    file = work / "rgba.npy"
    if not file.exists() or np.load(file, mmap_mode="r").shape[0] != len(items):
        part = file.with_suffix(".part.npy")
        np.save(part, np.stack([rgba(item.svg) for item in items]))
        part.replace(file)
    return items

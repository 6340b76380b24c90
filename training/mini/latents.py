"""Stage 5: every training picture on several backgrounds, encoded once.

The cache is what makes a UNet step cheap: no autoencoder runs while the denoisers train.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray

from training.mini.captions import BACKGROUNDS
from training.mini.catalogue import Item
from training.mini.render import on_background


def backgrounds_of(index: int, count: int) -> list[str]:
    """The ``count`` background names that picture ``index`` is encoded on, spread evenly."""
    names = list(BACKGROUNDS)
    start = (index * 5) % len(names)
    stride = 4 if count <= 3 else 1
    return [names[(start + stride * n) % len(names)] for n in range(count)]


@torch.inference_mode()
def encode(
    work: Path, model: AutoencoderTiny, items: list[Item], count: int
) -> NDArray[np.float16]:
    """``(items, count, channels, 16, 16)`` unscaled latents in fp16, cached in ``work``."""
    file = work / "latents.npy"
    if file.exists():
        cached: NDArray[np.float16] = np.load(file)
        if cached.shape[:2] == (len(items), count):
            return cached
    rgba = np.load(work / "rgba.npy", mmap_mode="r")
    rows = []
    for index in range(len(items)):
        pixels = np.stack(
            [on_background(rgba[index], BACKGROUNDS[b]) for b in backgrounds_of(index, count)]
        )
        x = torch.from_numpy(pixels).to(model.device).permute(0, 3, 1, 2).float()
        rows.append(model.encoder(x.div(127.5).sub(1)).half().cpu().numpy())
    encoded = np.stack(rows)
    part = file.with_suffix(".part.npy")
    np.save(part, encoded)
    part.replace(file)
    return encoded

"""Everything a denoiser trains on, laid out on a GPU, so that no step waits for Python.

``Examples`` writes a caption anew for each picture of a batch. That takes a core 0.1 ms, and a GPU
asks for ten thousand a second. Here ``WORDINGS`` captions of every picture on every background are
written in advance by all cores, and kept as token ids beside the latents, on the device.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.mini import text as reading
from training.mini import tokenizer
from training.mini.captions import caption
from training.mini.catalogue import Item
from training.mini.denoiser import CAPTION_DROPOUT, shares
from training.mini.latents import backgrounds_of

WORDINGS = 12


def write(item: Item, colours: list[str], folder: Path, seed: int) -> NDArray[np.int16]:
    """Token ids (backgrounds, WORDINGS, 48) of captions of one picture."""
    words, rng = tokenizer.load(folder), Random(seed)
    texts = [
        caption(item.style, item.concept, item.gender, item.age, item.tone, colour, rng)
        for colour in colours
        for _ in range(WORDINGS)
    ]
    ids = reading.tokens(words, texts).numpy().astype(np.int16)
    return ids.reshape(len(colours), WORDINGS, -1)


def written(items: list[Item], keep: list[int], count: int, folder: Path) -> NDArray[np.int16]:
    """Token ids (pictures, backgrounds, WORDINGS, 48) of ``keep``, once for all stages."""
    file = folder.parent / "captions.npy"
    if file.exists():
        cached: NDArray[np.int16] = np.load(file)
        if cached.shape[:3] == (len(keep), count, WORDINGS):
            return cached
    with ProcessPoolExecutor(os.cpu_count()) as cores:
        rows = cores.map(
            write, [items[i] for i in keep], [backgrounds_of(i, count) for i in keep],
            repeat(folder), keep, chunksize=16,
        )  # fmt: skip
        ids = np.stack(list(rows))
    part = file.with_suffix(".part.npy")
    np.save(part, ids)
    part.replace(file)
    return ids


class Bank:
    """Batches of (latents, token ids) like :class:`training.mini.denoiser.Examples`."""

    def __init__(
        self, items: list[Item], latents: NDArray[np.float16], folder: Path, seed: int,
        place: torch.device,
    ) -> None:  # fmt: skip
        keep, p = shares(items)
        count = latents.shape[1]
        kept = latents[keep]
        self.scale = float(1 / kept.astype(np.float32).std())
        self.tokenizer = tokenizer.load(folder)
        ids = written(items, keep, count, folder)
        self._latents = torch.from_numpy(kept).to(place)
        self._ids = torch.from_numpy(ids).to(place)
        self._empty = reading.tokens(self.tokenizer, [""])[0].to(place)
        self._p = torch.from_numpy(p).float().to(place)
        self.reseed(seed)

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Scaled latents ``(size, channels, 16, 16)`` and token ids ``(size, 48)``."""
        g, place = self._generator, self._latents.device
        which = torch.multinomial(self._p, size, replacement=True, generator=g)
        colour = torch.randint(self._latents.shape[1], (size,), generator=g, device=place)
        wording = torch.randint(WORDINGS, (size,), generator=g, device=place)
        ids = self._ids[which, colour, wording].long()
        dropped = torch.rand(size, generator=g, device=place) < CAPTION_DROPOUT
        ids = torch.where(dropped[:, None], self._empty, ids)
        return self._latents[which, colour].float() * self.scale, ids

    def reseed(self, seed: int) -> None:
        """Draws other batches from here on."""
        self._generator = torch.Generator(self._latents.device).manual_seed(seed)

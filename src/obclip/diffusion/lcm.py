"""The step of a latent consistency model, with one noise for all candidates.

A consistency model jumps to the end and comes back with fresh noise. That noise must be the same
for every candidate (they share everything but their words) and on every run of equal bytes, so
it is drawn from the request's seed and the timestep, not from the process's generator.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from diffusers import LCMScheduler
from torch import Tensor


class CommonNoise(LCMScheduler):  # type: ignore[misc]
    """diffusers' LCM scheduler (Luo et al. 2023, arXiv 2310.04378) with reproducible noise.

    ``fresh_noise`` says that a latent keeps nothing of the noise that it began with.
    """

    fresh_noise = True
    _seed, _images = 0, 1

    def of(self, seed: int, images: int) -> None:
        """Whose noise it is: that of a request's seed, one draw a picture.

        Rows are pictures x candidates, the candidates of one picture side by side.
        """
        self._seed, self._images = seed, images

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True,
        **options: Any,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """As the parent's; always a tuple (previous sample, denoised)."""
        index = self.step_index
        if index is None:
            self._init_step_index(timestep)
            index = self.step_index
        last = index == len(self.timesteps) - 1
        with torch.random.fork_rng(devices=[]):
            _, denoised = super().step(model_output, timestep, sample, return_dict=False)
        if last:
            return denoised, denoised
        after = int(self.timesteps[index + 1])
        digest = hashlib.sha256(f"{self._seed} {after}".encode()).digest()
        generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8]) >> 1)
        drawn = torch.randn((self._images, *sample.shape[1:]), generator=generator)
        noise = drawn.repeat_interleave(len(sample) // self._images, 0).to(sample)
        alpha = float(self.alphas_cumprod[after])
        return alpha**0.5 * denoised + (1 - alpha) ** 0.5 * noise, denoised

"""The step of a latent consistency model, with one noise for all candidates.

A consistency model jumps to the end and comes back with fresh noise. That noise must be the same
for every candidate (they share everything but their words) and on every run of equal bytes, so
it is drawn from the timestep alone, not from the process's generator.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import LCMScheduler
from torch import Tensor


class CommonNoise(LCMScheduler):  # type: ignore[misc]
    """diffusers' LCM scheduler (Luo et al. 2023, arXiv 2310.04378) with reproducible noise."""

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
        generator = torch.Generator("cpu").manual_seed(after)
        noise = torch.randn(sample.shape[1:], generator=generator).to(sample)
        alpha = float(self.alphas_cumprod[after])
        return alpha**0.5 * denoised + (1 - alpha) ** 0.5 * noise, denoised

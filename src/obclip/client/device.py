"""The device model: takes one latent of the cloud's and finishes it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from obclip.diffusion.decode import decode
from obclip.diffusion.denoiser import UNetDenoiser
from obclip.diffusion.loading import Parts, load
from obclip.diffusion.pairs import Source
from obclip.diffusion.sampling import initial_noise, make_scheduler, run

OnStep = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Public sampling parameters, the same for cloud and device.

    ``seed`` is that of the noise which a distilled model adds between its steps.
    """

    scheduler: str
    steps: int
    guidance: float
    height: int
    width: int
    seed: int = 0


class Device:
    """A small model of this machine's own; opens no socket."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.denoiser = UNetDenoiser(parts)

    @staticmethod
    def of(source: Source, *, dtype: torch.dtype = torch.float32) -> Device:
        """Loads the model of a source.

        Raises:
            ModelError: missing or broken.
        """
        return Device(load(source, dtype=dtype))

    def noise(self, sampling: Sampling, seed: int, images: int) -> Tensor:
        """Initial latents (images, channels, h, w) of a generation without a cloud."""
        scheduler = self._scheduler(sampling)
        noise = initial_noise(
            seed, images, self.parts.latent_channels, sampling.height, sampling.width,
            self.parts.latent_factor,
        )  # fmt: skip
        return noise * float(scheduler.init_noise_sigma)

    @torch.inference_mode()
    def finish_latents(
        self,
        latents: Tensor,
        prompts: list[str],
        negatives: list[str],
        sampling: Sampling,
        start: int,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Steps [start, T).

        Args:
            latents: (n, channels, h, w), one row a picture, at the noise level of ``start``.
            prompts: one a row. negatives: one a row, or none.
        """
        size = (sampling.height, sampling.width)
        return run(
            self.denoiser, self._scheduler(sampling), latents,
            self.denoiser.encode(prompts, *size),
            self.denoiser.encode(negatives, *size) if negatives
            else self.denoiser.encode_empty(len(prompts), *size),
            guidance=sampling.guidance, start=start, stop=sampling.steps,
            on_step=lambda step, _: on_step(step + 1, sampling.steps) if on_step else None,
        )  # fmt: skip

    def finish(
        self,
        latents: Tensor,
        prompts: list[str],
        negatives: list[str],
        sampling: Sampling,
        start: int,
        on_step: OnStep | None = None,
    ) -> list[Image.Image]:
        """``finish_latents``, then the decoder."""
        done = self.finish_latents(latents, prompts, negatives, sampling, start, on_step)
        return decode(self.parts, done)

    def _scheduler(self, sampling: Sampling) -> Any:
        return make_scheduler(
            sampling.scheduler, self.parts.scheduler_config, sampling.steps, seed=sampling.seed
        )

"""Sampling as a slice of steps: ``run`` takes latents from step ``start`` to step ``stop``.

The cloud runs [0, k), the device [k, T): the same function, the same schedule. Schedulers are
diffusers'. A multistep solver that starts at k > 0 has no history and takes its first step at
first order, on purpose (``docs/decisions/0004-hand-over.md``: measured, nothing is sent).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from obclip.diffusion.denoiser import Conditioning, Denoiser
from obclip.errors import RequestError
from obclip.protocol.limits import SCHEDULERS

OnStep = Callable[[int, Tensor], None]


def make_scheduler(
    name: str, config: dict[str, Any], steps: int, *, seed: int = 0, images: int = 1
) -> Any:
    """A fresh diffusers scheduler with its timesteps set.

    ``dpm++`` is DPM-Solver++ (2M), multistep, deterministic (Lu et al. 2022, arXiv 2211.01095);
    ``ddim`` is DDIM with eta 0 (Song et al. 2020, arXiv 2010.02502); ``lcm`` is for distilled
    models alone (``lcm.py``).

    Args:
        seed, images: of the request, for the noise that ``lcm`` adds between its steps.

    Raises:
        RequestError: another name.
    """
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    shared = {k: v for k, v in config.items() if not k.startswith("_")}
    if name == "dpm++":
        scheduler = DPMSolverMultistepScheduler.from_config(
            shared, algorithm_type="dpmsolver++", solver_order=2
        )
    elif name == "ddim":
        scheduler = DDIMScheduler.from_config(shared)
    elif name == "lcm":
        from obclip.diffusion.lcm import CommonNoise

        scheduler = CommonNoise.from_config(shared)
        scheduler.of(seed, images)
    else:
        raise RequestError(
            "unknown scheduler", code="bad_scheduler", got=name, expected=" or ".join(SCHEDULERS)
        )
    scheduler.set_timesteps(steps)
    return scheduler


def initial_noise(
    seed: int, images: int, channels: int, height: int, width: int, factor: int
) -> Tensor:
    """(images, channels, height/factor, width/factor) fp32 on the CPU, one draw a picture.

    Drawn on the CPU whatever the device, so that equal seeds give equal bytes everywhere.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.cat(
        [
            torch.randn((1, channels, height // factor, width // factor), generator=generator)
            for _ in range(images)
        ]
    )


def guided(uncond: Tensor, cond: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598)."""
    return uncond + guidance * (cond - uncond)


def run(
    denoiser: Denoiser,
    scheduler: Any,
    latents: Tensor,
    cond: Conditioning,
    uncond: Conditioning,
    *,
    guidance: float,
    start: int,
    stop: int,
    on_step: OnStep | None = None,
) -> Tensor:
    """Takes ``latents`` (n, channels, h, w) from step ``start`` to step ``stop``.

    Args:
        cond, uncond: one row each a latent. Both go through the model in one batch.
        guidance: 1 or less runs the conditional pass alone.
        on_step: called after each step with its number and the latents; raising stops the run.

    Returns:
        Latents at the noise level of step ``stop``; those of step 0 are pure noise.
    """
    if hasattr(scheduler, "set_begin_index"):  # DDIM keeps no place in the schedule
        scheduler.set_begin_index(start)
    both = Conditioning.join(uncond, cond) if guidance > 1 else cond
    for step in range(start, stop):
        timestep = scheduler.timesteps[step]
        scaled = scheduler.scale_model_input(latents, timestep)
        if guidance > 1:
            out = denoiser.predict(torch.cat([scaled, scaled]), timestep, both)
            without, with_prompt = out.chunk(2)
            prediction = guided(without, with_prompt, guidance)
        else:
            prediction = denoiser.predict(scaled, timestep, both)
        latents = scheduler.step(prediction, timestep, latents, return_dict=False)[0]
        if on_step is not None:
            on_step(step, latents)
    return latents

"""Seconds of a real pair's exact architectures on this machine, with random weights.

Measured: one guided step of each model, and a whole private generation of few steps through the
engine, the wire's half precision and the device. The seconds of 25 steps are *extrapolated* from
one, and the field says so.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch

from obclip.client.device import Device, Sampling
from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import make_plan
from obclip.diffusion.loading import fold_guidance
from obclip.diffusion.pairs import Pair
from obclip.diffusion.sampling import make_scheduler
from obclip.diffusion.unloaded import random_parts

#: Called with what is being done.
OnStage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FullSize:
    """Seconds, all of one picture; ``*_step`` is one step with guidance.

    ``end_to_end``: N = 2, ``steps`` steps of which ``split`` on the cloud, decoder left out; None
    where both models together would not fit the time or memory that was granted.
    """

    pair: str
    number: str
    side: int
    cloud_step: float
    device_step: float
    end_to_end: float | None
    steps: int
    split: int
    extrapolated_cloud_only_25_steps: float
    extrapolated_device_only_25_steps: float

    HEAD: ClassVar[tuple[str, ...]] = (
        "pair", "side", "number type", "cloud step, s", "device step, s",
        "private picture, N = 2, 1 + 1 steps, s", "EXTRAPOLATED: 25 steps on the cloud, s",
        "EXTRAPOLATED: 25 steps on the device, s",
    )  # fmt: skip

    def cells(self) -> tuple[str, ...]:
        """One row of ``HEAD``."""
        whole = "-" if self.end_to_end is None else f"{self.end_to_end:.1f}"
        return (
            self.pair, str(self.side), self.number, f"{self.cloud_step:.2f}",
            f"{self.device_step:.2f}", whole, f"{self.extrapolated_cloud_only_25_steps:.0f}",
            f"{self.extrapolated_device_only_25_steps:.0f}",
        )  # fmt: skip


@torch.inference_mode()
def measure(
    pair: Pair, *, dtype: torch.dtype = torch.float32, whole: bool = True, side: int | None = None,
    on_stage: OnStage = lambda _: None,
) -> FullSize:  # fmt: skip
    """Builds one model after the other at full size and times them.

    Args:
        whole: also run a private generation of two steps, one on each side.

    Raises:
        ModelError: no known real pair.
    """
    side = side or pair.side
    on_stage("cloud model, one step")
    parts = random_parts(pair.cloud, dtype=dtype)
    if pair.cloud.guidance is not None:
        fold_guidance(parts.unet, pair.cloud.guidance)
    cloud_step = _step(Device(parts), side, pair.guidance if pair.cloud.guidance is None else 1.0)
    latents, spent = None, 0.0
    if whole:
        on_stage("cloud model, two candidates")
        job = Job(["a woman", "a man"], (), "dpm++", pair.guidance, side, side, 1, 1)
        start = time.perf_counter()
        latents = Engine(parts).run(job, make_plan("exact", 2, 2, 1))[0].half()
        spent = time.perf_counter() - start
    del parts
    gc.collect()  # one model at a time: a large pair does not fit small machines together
    on_stage("device model, one step")
    device = Device(random_parts(pair.device, dtype=dtype))
    device_step = _step(device, side, pair.guidance)
    if latents is not None:
        start = time.perf_counter()
        sampling = Sampling("dpm++", 2, pair.guidance, side, side)
        done = device.finish_latents(latents[1:].float(), ["a man"], [], sampling, 1)
        spent += time.perf_counter() - start
        assert bool(torch.isfinite(done).all())  # noqa: S101 random weights may not overflow
    return FullSize(
        pair.name, str(dtype).removeprefix("torch."), side, cloud_step, device_step,
        spent if whole else None, 2, 1, 25 * cloud_step, 25 * device_step,
    )  # fmt: skip


def _step(model: Device, side: int, guidance: float) -> float:
    """Seconds of one step, after a first that warms caches up."""
    scheduler = make_scheduler("ddim", model.parts.scheduler_config, 25)
    cells = side // model.parts.latent_factor
    latents = torch.randn(1, model.parts.latent_channels, cells, cells)
    cond = model.denoiser.encode(["a woman"], side, side)
    rows = 2 if guidance > 1 else 1
    both = cond.repeat(rows)
    seconds = 0.0
    for t in scheduler.timesteps[:2]:
        start = time.perf_counter()
        model.denoiser.predict(latents.repeat(rows, 1, 1, 1), t, both)
        seconds = time.perf_counter() - start
    return seconds

"""Runs a plan: a request's prompts and a table in, the latents of all candidates out.

The only place of the cloud that computes. Keeps nothing between requests (design: no state is
shared across tenants).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from obclip.cloud.plan import Plan
from obclip.diffusion.compatibility import check_size
from obclip.diffusion.denoiser import Conditioning, UNetDenoiser
from obclip.diffusion.loading import Parts
from obclip.diffusion.sampling import initial_noise, make_scheduler, run
from obclip.errors import PlanError

#: Called with (steps done, steps in all); raising an exception stops the run.
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What the engine needs of a request; prompts are encoded in the order given."""

    prompts: Sequence[str]
    negatives: Sequence[str]
    scheduler: str
    guidance: float
    height: int
    width: int
    images: int
    seed: int


class Engine:
    """One cloud model, ready to run plans.

    ``batch`` caps the latents that go through the model at once (memory), never the result.
    """

    def __init__(self, parts: Parts, *, batch: int = 16) -> None:
        self.parts = parts
        self.denoiser = UNetDenoiser(parts)
        self.batch = batch

    def check(self, job: Job) -> None:
        """Raises RequestError, before any compute, if the model cannot make this."""
        check_size(job.height, job.width, self.parts.size_step)

    @torch.inference_mode()
    def run(self, job: Job, plan: Plan, on_step: OnStep | None = None) -> Tensor:
        """Runs steps [0, k) of ``plan``.

        Returns:
            fp32 latents (images, n, channels, h, w) on the CPU, candidates in request order.

        Raises:
            PlanError: the plan is for another N.
            RequestError: sizes that the model cannot make.
        """
        if plan.n != len(job.prompts):
            raise PlanError(
                "plan and request differ", code="bad_plan", got=f"plan for {plan.n}",
                expected=f"one for {len(job.prompts)} candidates",
            )  # fmt: skip
        self.check(job)
        cond = self.denoiser.encode(job.prompts, job.height, job.width)
        uncond = self._unconditional(job)
        noise = initial_noise(
            job.seed, job.images, self.parts.latent_channels, job.height, job.width,
            self.parts.latent_factor,
        ).to(self.parts.unet.device)  # fmt: skip
        # candidates of one picture stand together, so that a plan may share among them
        latents = noise.repeat_interleave(plan.n, dim=0)
        rows = [i % plan.n for i in range(len(latents))]
        out = []
        chunks = [slice(i, i + self.batch) for i in range(0, len(latents), self.batch)]
        total, done = len(chunks) * plan.split, 0

        def step(_: int, __: Tensor) -> None:
            nonlocal done
            done += 1
            if on_step is not None:
                on_step(done, total)

        for chunk in chunks:
            scheduler = make_scheduler(job.scheduler, self.parts.scheduler_config, plan.steps)
            start = latents[chunk] * scheduler.init_noise_sigma
            index = rows[chunk]
            out.append(
                run(
                    self.denoiser, scheduler, start, cond.rows(index), uncond.rows(index),
                    guidance=job.guidance, start=0, stop=plan.split, on_step=step,
                )
            )  # fmt: skip
        result = torch.cat(out).float().cpu()
        return result.reshape(job.images, plan.n, *result.shape[1:])

    def _unconditional(self, job: Job) -> Conditioning:
        if job.negatives:
            return self.denoiser.encode(job.negatives, job.height, job.width)
        return self.denoiser.encode_empty(len(job.prompts), job.height, job.width)

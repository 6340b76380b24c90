"""Runs a plan: a request's prompts and a plan in, the latents of all candidates out.

The only place of the cloud that computes. Keeps nothing between requests (design: no state is
shared across tenants).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from obclip.cloud.attention import install
from obclip.cloud.catchup import catch_up
from obclip.cloud.guidance import guided, mean, of_each
from obclip.cloud.passes import Passes, chunks
from obclip.cloud.plan import Attention, Guidance, Kind, Plan
from obclip.cloud.state import State, levels, mixed, of_nodes
from obclip.cloud.unet import check_fits, why_not
from obclip.diffusion.compatibility import check_size
from obclip.diffusion.denoiser import Conditioning, UNetDenoiser
from obclip.diffusion.loading import Parts
from obclip.diffusion.sampling import initial_noise, make_scheduler
from obclip.errors import PlanError
from obclip.protocol.limits import MAX_CANDIDATES

#: Called with (model calls done, calls in all); raising an exception stops the run.
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What the engine needs of a request; prompts are encoded in the order given.

    ``rows`` caps those of a model call below the engine's own cap; 0 for that one.
    """

    prompts: Sequence[str]
    negatives: Sequence[str]
    scheduler: str
    guidance: float
    height: int
    width: int
    images: int
    seed: int
    rows: int = 0


class Engine:
    """One cloud model, ready to run plans.

    ``batch`` caps the rows of one model call (memory), never the result.
    """

    def __init__(self, parts: Parts, *, batch: int = 16) -> None:
        self.parts = parts
        self.denoiser = UNetDenoiser(parts)
        self.batch = batch
        self._odd: dict[Kind, bool] = {}
        if parts.unet.device.type == "cuda":  # its convolutions are faster that way
            parts.unet.to(memory_format=torch.channels_last)

    def check(self, job: Job) -> None:
        """Raises RequestError, before any compute, if the model cannot make this."""
        check_size(job.height, job.width, self.parts.size_step)

    def check_plan(self, plan: Plan) -> None:
        """Raises PlanError, before any compute, if the model cannot run this plan."""
        if plan.n > MAX_CANDIDATES:
            raise PlanError(
                "too many candidates", code="bad_n", got=plan.n, expected=f"1 to {MAX_CANDIDATES}"
            )
        kinds = {step.kind for step in plan.program}
        for kind in sorted(kinds - {Kind()}, key=repr):
            check_fits(self.parts.unet, kind)
        if any(kind.attention is not Attention.OWN for kind in kinds):
            install(self.parts.unet)

    def odd(self, kind: Kind) -> bool:
        """Whether the model has parts that an open pass of this kind does not know.

        Asked once: it takes a millisecond, and a pass of a small model thirty.
        """
        if kind not in self._odd:
            self._odd[kind] = why_not(self.parts.unet, kind) is not None
        return self._odd[kind]

    @torch.inference_mode()
    def run(self, job: Job, plan: Plan, on_step: OnStep | None = None) -> Tensor:
        """Runs steps [0, k) of ``plan``.

        Returns:
            fp32 latents (images, n, channels, h, w) on the CPU, candidates in request order.

        Raises:
            PlanError: the plan is for another N, or the model cannot run it.
            RequestError: sizes that the model cannot make.
        """
        if plan.n != len(job.prompts):
            raise PlanError(
                "plan and request differ", code="bad_plan", got=f"plan for {plan.n}",
                expected=f"one for {len(job.prompts)} candidates",
            )  # fmt: skip
        self.check(job)
        self.check_plan(plan)
        texts = (self._unconditional(job), self.denoiser.encode(job.prompts, job.height, job.width))
        state = self._start(job, plan)
        passes = self._passes(job, plan, on_step)
        for index, step in enumerate(plan.program):
            if step.mix is not None:
                state.mix(step.mix)
            timestep = state.scheduler.timesteps[index]
            prediction = self._predict(job, plan, index, state, passes, texts)
            if step.mix is not None and step.catch_up:
                old = plan.program[index - 1].nodes
                prediction = catch_up(
                    state, prediction, timestep, step.nodes, old, step.mix, step.catch_up
                )
            state.step(prediction, timestep)
        latents = state.latents
        if not plan.program:
            latents = latents.expand(-1, plan.n, -1, -1, -1)
        elif plan.answer is not None:
            latents = mixed(latents, plan.answer)
        return latents.float().cpu().contiguous()

    def _start(self, job: Job, plan: Plan) -> State:
        """One noise a picture, which all nodes share."""
        scheduler = make_scheduler(
            job.scheduler, self.parts.scheduler_config, plan.steps, seed=job.seed,
            images=job.images,
        )  # fmt: skip
        if hasattr(scheduler, "set_begin_index"):  # DDIM keeps no place in the schedule
            scheduler.set_begin_index(0)
        noise = initial_noise(
            job.seed, job.images, self.parts.latent_channels, job.height, job.width,
            self.parts.latent_factor,
        ).to(self.parts.unet.device)  # fmt: skip
        nodes = len(plan.program[0].nodes) if plan.program else 1
        start = (noise * scheduler.init_noise_sigma)[:, None]
        return State(start.expand(-1, nodes, -1, -1, -1), scheduler)

    def _passes(self, job: Job, plan: Plan, on_step: OnStep | None) -> Passes:
        guidance = job.guidance > 1
        batch = min(self.batch, job.rows or self.batch)
        total = sum(
            len(chunks(plan, i, job.images, batch, guidance=guidance)) for i in range(plan.split)
        )
        done = 0

        def called() -> None:
            nonlocal done
            done += 1
            if on_step is not None:
                on_step(done, total)

        return Passes(
            self.parts.unet, self.denoiser, plan, job.images, batch, guidance, called, self.odd
        )  # fmt: skip

    def _predict(
        self, job: Job, plan: Plan, index: int, state: State, passes: Passes,
        texts: tuple[Conditioning, Conditioning],
    ) -> Tensor:  # fmt: skip
        """Guided predictions of a step, (images, nodes, channels, h, w)."""
        step = plan.program[index]
        timestep = state.scheduler.timesteps[index]
        latents = state.scheduler.scale_model_input(state.latents, timestep)
        without, nodes = None, step.nodes
        if job.guidance > 1 and step.guidance is Guidance.SHARED:
            without, nodes = mean(latents, step.nodes), (tuple(range(plan.n)),)
        elif job.guidance > 1 and step.guidance is Guidance.OWN:
            without = latents
        empty = of_nodes(texts[0], nodes).repeat(job.images)
        text = of_nodes(texts[1], step.nodes).repeat(job.images)
        unguided, prediction = passes(
            index, timestep, None if without is None else without.flatten(0, 1),
            latents.flatten(0, 1), (empty, text),
        )  # fmt: skip
        prediction = prediction.reshape(latents.shape)
        if unguided is not None:
            unguided = unguided.reshape(job.images, -1, *latents.shape[2:])
            if step.guidance is Guidance.SHARED:
                _, sigma = levels(state.scheduler, timestep)
                kind = state.scheduler.config.prediction_type
                unguided = of_each(unguided, latents, mean(latents, step.nodes), sigma, kind)
            state.difference = prediction - unguided
        use = job.guidance > 1 and step.guidance is not Guidance.NONE
        return guided(prediction, state.difference if use else None, job.guidance)

    def _unconditional(self, job: Job) -> Conditioning:
        if job.negatives:
            return self.denoiser.encode(job.negatives, job.height, job.width)
        return self.denoiser.encode_empty(len(job.prompts), job.height, job.width)

"""The engine of this machine, in this process, behind the loop that shares model calls.

Protects: a request is dropped as soon as its run has ended, however it ended.
Does not protect: the process's own memory from its operator.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from obclip.cloud.compiled import compile_layers
from obclip.cloud.cost import counter, plan_cost
from obclip.cloud.engine import Engine, Job
from obclip.cloud.loop import Cancelled, Loop
from obclip.cloud.plan import Kind, Plan
from obclip.cloud.planner import NAMED, make_plan
from obclip.cloud.schedule import stepped
from obclip.diffusion.loading import check_distilled, load
from obclip.diffusion.pairs import find
from obclip.errors import PlanError, RequestError, ServerError
from obclip.protocol import limits
from obclip.protocol.codec import encode_latents
from obclip.protocol.messages import GenerateRequest, ModelInfo, OwnSteps
from obclip.protocol.schedule import NoiseSchedule
from obclip.server.backend import Admission, OnEnd, OnStep, Stopped
from obclip.server.backend import model_info as model_info
from obclip.server.budget import SHARE, Footprint, free_device, free_host
from obclip.server.settings import Settings


def engine_of(settings: Settings) -> tuple[Engine, ModelInfo]:
    """Loads the cloud model of ``settings.pair`` as the operator wants it.

    Raises:
        ServerError: no such device here, or layers to be compiled anywhere but on CUDA.
    """
    _check_device(settings)
    pair = find(settings.pair)
    parts = load(
        pair.cloud, dtype=getattr(torch, settings.dtype), device=settings.device, vae=False
    )
    check_distilled(parts, pair)
    if settings.compile:
        compile_layers(parts.unet)
    engine = Engine(parts)
    return engine, model_info(pair.name, engine, pair.guidance, pair.cloud_steps)


def _check_device(settings: Settings) -> None:
    if settings.compile and torch.device(settings.device).type != "cuda":
        raise ServerError(
            "layers are compiled on CUDA only", code="no_compile", got=settings.device,
            expected="--device cuda", action="leave --compile out",
        )  # fmt: skip
    try:
        torch.empty(0, device=settings.device)
    except (RuntimeError, AssertionError):  # torch's own text names forty kinds of device
        raise ServerError(
            "that device is not here", code="no_device", got=settings.device,
            expected="cpu, or one that this machine's torch knows (cuda, cuda:1, mps, ...)",
        ) from None  # fmt: skip


class Embedded:
    """A backend of one engine. Its thread starts with it and ends with ``close``."""

    def __init__(
        self, engine: Engine, info: ModelInfo, settings: Settings,
        on_call: Callable[[int, int, float], None] | None = None,
    ) -> None:  # fmt: skip
        self._info, self._threads = info, settings.threads
        self._largest = round(settings.largest * info.height * info.width)
        self.footprint = Footprint(engine)
        free = free_device(engine.parts.unet.device)
        self.memory = settings.memory or round(SHARE * free)
        least = round(self.footprint.a_cell * (info.height // info.latent_factor) ** 2)
        if least > self.memory:
            raise ServerError(
                "this memory is less than one row of a model call", code="no_memory",
                got=f"{self.memory} bytes", expected=f"at least {least}", action="more --memory",
            )  # fmt: skip
        self._loop = Loop(
            engine.parts, rows=settings.batch, memory=self.memory,
            bytes_a_cell=self.footprint.a_cell, on_call=on_call,
        )  # fmt: skip
        self.engine = self._loop.engine
        for name in NAMED:  # what a plan puts into the model is put there before anything runs
            with suppress(PlanError):
                self.engine.check_plan(make_plan(name, 2, 10, 5))
        # what --compile has set of torch's compiler holds in the context that set it alone
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._serve,), name="engine", daemon=True
        )
        self._thread.start()

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def ready(self) -> bool:
        return self._thread.is_alive()

    def admit(self, request: GenerateRequest) -> Admission:
        if request.model != self._info.name:
            raise RequestError(
                "this server does not serve that model", code="unknown_model",
                expected=self._info.name,
            )  # fmt: skip
        _check_steps(request, self._info.cloud_steps)
        if request.plan not in NAMED:
            raise PlanError("unknown plan", code="unknown_plan", expected=" or ".join(NAMED))
        self.engine.check(_job(request))
        if request.height * request.width > self._largest:
            raise RequestError(
                "larger than this server draws", code="bad_size",
                got=f"{request.height} x {request.width}",
                expected=f"at most {self._largest} pixels (height x width)",
            )  # fmt: skip
        plan = self._plan(request)
        self.engine.check_plan(plan)
        held = self.footprint.held(request, plan)
        least = held + self.footprint.row(request)
        if least > self.memory:
            raise RequestError(
                "more than this server's memory", code="no_memory", got=f"{least} bytes",
                expected=f"at most {self.memory}: fewer candidates or pictures, or smaller ones",
            )  # fmt: skip
        return Admission(self._ratio(request, plan), held)

    def submit(
        self, key: str, tenant: str, request: GenerateRequest, held: int, on_step: OnStep,
        on_end: OnEnd,
    ) -> None:  # fmt: skip
        def run(engine: Engine) -> bytes:
            on_step(0, request.split)
            job = replace(_job(request), rows=self._rows(request))
            latents = engine.run(job, self._plan(request), on_step)
            return encode_latents(latents.half().numpy())

        def end(answer: Any, error: BaseException | None) -> None:
            on_end(answer, Stopped() if isinstance(error, Cancelled) else error)

        self._loop.submit(key, tenant, run, end, held=held)

    def cancel(self, key: str) -> None:
        self._loop.cancel(key)

    def free_bytes(self) -> int:
        return free_host()

    def close(self) -> None:
        self._loop.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        if self._threads:
            torch.set_num_threads(self._threads)
        self._loop.serve()

    def _rows(self, request: GenerateRequest) -> int:
        """Rows of one of its calls: a quarter of the memory, which no running job may hold."""
        return max(1, self.memory // 4 // max(1, self.footprint.row(request)))

    def _plan(self, request: GenerateRequest) -> Plan:
        return _plan(
            request.plan, request.n, request.steps, request.split, request.sizes or None,
            stepped(self.engine.parts.schedule, request.scheduler),
        )  # fmt: skip

    def _ratio(self, request: GenerateRequest, plan: Plan) -> float:
        """The plan's cost over that of one ordinary generation."""
        guidance = request.guidance > 1
        if all(step.kind == Kind() for step in plan.program):  # whole passes: their price drops out
            return round(plan_cost(plan, 1, guidance=guidance).ratio, 4)
        parts = self.engine.parts
        size = request.height // parts.latent_factor, request.width // parts.latent_factor
        count = counter(dict(parts.unet.config), *size, int(parts.tokenizers[0].model_max_length))
        return round(plan_cost(plan, count, guidance=guidance).ratio, 4)


def _check_steps(request: GenerateRequest, own: OwnSteps | None) -> None:
    """Raises RequestError for a scheduler, steps or guidance that the model was not made for."""
    known = limits.SCHEDULERS if own is None else (own.scheduler,)
    if request.scheduler not in known:
        raise RequestError("unknown scheduler", code="bad_scheduler", expected=" or ".join(known))
    if own is None:
        return
    if request.steps != own.steps:
        raise RequestError(
            "steps out of range", code="bad_steps", got=request.steps, expected=str(own.steps)
        )
    if request.guidance > 1:  # an unconditional pass of such a model means nothing
        raise RequestError(
            "guidance out of range", code="bad_guidance", got=request.guidance,
            expected="0 to 1: this model was taught its guidance",
        )  # fmt: skip


@lru_cache(maxsize=128)  # a function of public numbers alone
def _plan(
    name: str, n: int, steps: int, split: int, sizes: tuple[int, ...] | None,
    schedule: NoiseSchedule,
) -> Plan:  # fmt: skip
    return make_plan(name, n, steps, split, sizes, schedule)


def _job(request: GenerateRequest) -> Job:
    return Job(
        prompts=request.prompts, negatives=request.negatives, scheduler=request.scheduler,
        guidance=request.guidance, height=request.height, width=request.width,
        images=request.images, seed=request.seed,
    )  # fmt: skip

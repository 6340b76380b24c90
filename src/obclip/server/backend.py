"""What the HTTP side asks of whatever computes: this machine's engine, or a fleet of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from obclip.cloud.planner import NAMED
from obclip.diffusion.pairs import Steps
from obclip.protocol.messages import GenerateRequest, ModelInfo, OwnSteps

if TYPE_CHECKING:
    from obclip.cloud.engine import Engine

#: (model calls done, in all). Raising stops the run.
OnStep = Callable[[int, int], None]
#: (answer, None), or (None, error); ``Stopped`` for a run that was not wanted any more.
OnEnd = Callable[[bytes | None, BaseException | None], None]


class Stopped(Exception):  # noqa: N818 a wish, not a fault
    """A run ended because it was not wanted any more."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What an accepted request will take.

    Attributes:
        ratio: the plan's cost over that of one ordinary generation.
        held: bytes of the compute side while it runs.
    """

    ratio: float
    held: int


class Backend(Protocol):
    """Runs requests. Every method may be called from any thread and returns at once."""

    @property
    def info(self) -> ModelInfo:
        """The served model's public parameters."""
        ...

    @property
    def ready(self) -> bool:
        """Whether a job submitted now would be run."""
        ...

    def admit(self, request: GenerateRequest) -> Admission:
        """Checks everything that can be checked before computing; may take a second.

        Raises:
            RequestError, PlanError: naming the number that is wrong and what is allowed.
        """
        ...

    def submit(
        self, key: str, tenant: str, request: GenerateRequest, held: int, on_step: OnStep,
        on_end: OnEnd,
    ) -> None:  # fmt: skip
        """Queues a run; ``key`` is unique. ``on_end`` is called once, from any thread."""
        ...

    def cancel(self, key: str) -> None:
        """Stops a run within one step; nothing happens if it has ended."""
        ...

    def free_bytes(self) -> int:
        """Memory that is free now where answers are kept (measured, not accounted)."""
        ...

    def close(self) -> None:
        """Stops every run and frees what computes."""
        ...


def units(request: GenerateRequest) -> int:
    """What a request is charged: latents x steps x pixels (N x pictures x k x height x width).

    One step at least: prompts are read and answers kept for k = 0 too.
    """
    steps = max(1, request.split)
    return request.n * request.images * steps * request.height * request.width


def model_info(name: str, engine: Engine, guidance: float, own: Steps | None = None) -> ModelInfo:
    """The public parameters of the served model; ``own`` are the steps of a distilled one."""
    parts = engine.parts
    return ModelInfo(
        name=name,
        latent_channels=parts.latent_channels,
        latent_factor=parts.latent_factor,
        scaling_factor=parts.scaling_factor,
        schedule=parts.schedule,
        height=parts.side,
        width=parts.side,
        guidance=guidance,
        plans=tuple(NAMED),
        cloud_steps=None
        if own is None
        else OwnSteps(scheduler=own.scheduler, steps=own.steps, split=own.split),
    )

"""The baselines of the paper, through the very loop the product runs.

================  =====  ======  ================
method            N      cloud   device
================  =====  ======  ================
cloud-only        1      [0, T)  decodes
device-only       1      none    [0, T)
vanilla           N      [0, T)  decodes its own
hybrid            1      [0, k)  [k, T)
oblivious         N      [0, k)  [k, T)
================  =====  ======  ================

``cloud-only`` and ``hybrid`` send the prompt alone: they have no privacy and live here only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from obclip.client.device import Device, Sampling
from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import make_plan
from obclip.errors import RequestError

METHODS = ("cloud-only", "device-only", "vanilla", "hybrid", "oblivious")


@dataclass(frozen=True, slots=True)
class Prompts:
    """A candidate set and which member is asked for (known here: this is an evaluation).

    ``sizes`` are the value counts of its attributes, as a request tells them; empty: none told.
    """

    candidates: Sequence[str]
    index: int
    sizes: tuple[int, ...] = ()

    @property
    def own(self) -> str:
        return self.candidates[self.index]


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything but the prompts. ``split`` is used by hybrid and oblivious."""

    sampling: Sampling
    split: int
    plan: str = "exact"


def latents(
    method: str, prompts: Prompts, setting: Setting, engine: Engine, device: Device, seed: int
) -> Tensor:
    """Finished latents (1, channels, h, w) of the asked-for member.

    Raises:
        RequestError: unknown method.
    """
    if method not in METHODS:
        raise RequestError("unknown method", got=method, expected=", ".join(METHODS))
    sampling = setting.sampling
    if method == "device-only":
        return device.finish_latents(
            device.noise(sampling, seed, 1), [prompts.own], [], sampling, 0
        )
    alone = method in ("cloud-only", "hybrid")
    sent = [prompts.own] if alone else list(prompts.candidates)
    split = sampling.steps if method in ("cloud-only", "vanilla") else setting.split
    job = Job(
        prompts=sent, negatives=(), scheduler=sampling.scheduler, guidance=sampling.guidance,
        height=sampling.height, width=sampling.width, images=1, seed=seed,
    )  # fmt: skip
    name = "exact" if alone or method == "vanilla" else setting.plan
    plan = make_plan(
        name, len(sent), sampling.steps, split, None if alone else prompts.sizes or None,
        engine.parts.schedule,
    )  # fmt: skip
    out = engine.run(job, plan)[0]
    mine = out[0 if alone else prompts.index][None]
    if split == sampling.steps:
        return mine
    # the wire carries fp16
    return device.finish_latents(mine.half().float(), [prompts.own], [], sampling, split)

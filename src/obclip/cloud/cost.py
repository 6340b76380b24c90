"""What a plan costs, before it runs: exact FLOPs of every model pass, counted by torch.

The UNet is built on the meta device from its config alone, and the very passes that the engine
runs are run on it, so no weights are needed and nothing is computed. Text encoders are not
counted: a prompt costs them about 1/50 of one SD-1.x pass at 512 px.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from obclip.cloud.plan import Attention, Kind, Plan
from obclip.cloud.sample import sample_call

#: FLOPs of a model call of ``rows`` rows of one kind.
Count = Callable[[Kind, int], int]


@dataclass(frozen=True, slots=True)
class Cost:
    """FLOPs (two for a multiply-add, as torch counts) of one plan and of what it compares with.

    ``ratio`` is to one ordinary cloud-only generation: T steps with guidance, N = 1.
    ``ratio_cached`` is to a cloud-only run that caches as the plan does (``exact``: not at all).
    """

    flops: int
    cloud_only: int
    cloud_only_cached: int

    @property
    def ratio(self) -> float:
        return self.flops / self.cloud_only

    @property
    def ratio_cached(self) -> float:
        return self.flops / self.cloud_only_cached


def plan_cost(plan: Plan, count: Count | int, *, guidance: bool = True) -> Cost:
    """Exact cost of a plan for a model whose passes cost ``count``.

    An int stands for a whole pass and counts every pass as a whole one: an upper bound.
    """
    if isinstance(count, int):
        one = count
        return plan_cost(plan, lambda _, rows: one * rows, guidance=guidance)
    alone = plan.alone or plan
    cached = _flops(alone, count, guidance)
    return Cost(
        _flops(plan, count, guidance),
        plan.steps * count(Kind(), 2 if guidance else 1),
        cached,
    )


def _flops(plan: Plan, count: Count, guidance: bool) -> int:
    return sum(count(kind, rows) for kind, rows in plan.passes(guidance=guidance))


def counter(unet_config: dict[str, Any], height: int, width: int, tokens: int) -> Count:
    """Counts calls of a UNet at ``height`` x ``width`` *latent* cells.

    Raises:
        PlanError: (when called) a kind that the model cannot run.
    """
    config = frozen(unet_config)

    def count(kind: Kind, rows: int) -> int:
        one = _call_flops(config, height, width, tokens, kind, 1)
        if kind.attention is not Attention.PIVOT:
            return rows * one  # every layer is linear in rows
        two = _call_flops(config, height, width, tokens, kind, 2)
        return one + (rows - 1) * (two - one)  # but for one map, which all rows share

    return count


def pass_flops(unet_config: dict[str, Any], height: int, width: int, tokens: int) -> int:
    """FLOPs of one whole UNet pass of batch 1 at ``height`` x ``width`` *latent* cells."""
    return counter(unet_config, height, width, tokens)(Kind(), 1)


def frozen(unet_config: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A UNet's config as something to remember results by."""
    items = unet_config.items()
    return tuple(sorted((k, _freeze(v)) for k, v in items if not k.startswith("_")))


def _freeze(value: Any) -> Any:
    return tuple(_freeze(v) for v in value) if isinstance(value, list | tuple) else value


@lru_cache(maxsize=512)
def _call_flops(
    config: tuple[tuple[str, Any], ...], height: int, width: int, tokens: int, kind: Kind, rows: int
) -> int:
    call = sample_call(meta_unet(config), height, width, tokens, kind, rows)
    flops = FlopCounterMode(display=False)
    with flops, torch.inference_mode():
        call()
    return int(flops.get_total_flops())


@lru_cache(maxsize=4)
def meta_unet(config: tuple[tuple[str, Any], ...]) -> Any:
    """The UNet of a frozen config, without weights."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        return UNet2DConditionModel.from_config(dict(config)).eval()

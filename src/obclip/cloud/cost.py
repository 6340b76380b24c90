"""What a plan costs, before it runs: exact FLOPs of each kind of cell, counted by torch.

The UNet is built on the meta device from its config alone, so no weights are needed and
nothing is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from obclip.cloud.plan import Cell, Plan


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


def pass_flops(unet_config: dict[str, Any], height: int, width: int, tokens: int) -> int:
    """FLOPs of one UNet pass of batch 1 at ``height`` x ``width`` *latent* cells."""
    frozen = tuple(sorted((k, _freeze(v)) for k, v in unet_config.items() if not k.startswith("_")))
    return _pass_flops(frozen, height, width, tokens)


def _freeze(value: Any) -> Any:
    return tuple(_freeze(v) for v in value) if isinstance(value, list | tuple) else value


@lru_cache(maxsize=32)
def _pass_flops(config: tuple[tuple[str, Any], ...], height: int, width: int, tokens: int) -> int:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(dict(config)).eval()
        sample = torch.empty(1, unet.config.in_channels, height, width)
        cross = unet.config.cross_attention_dim
        cross = cross if isinstance(cross, int) else cross[0]
        states = torch.empty(1, tokens, cross)
        extra = None
        if unet.config.addition_embed_type == "text_time":
            pooled = unet.config.projection_class_embeddings_input_dim
            pooled -= 6 * unet.config.addition_time_embed_dim
            extra = {"text_embeds": torch.empty(1, pooled), "time_ids": torch.empty(1, 6)}
        timestep = torch.empty((1,))
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        unet(sample, timestep, encoder_hidden_states=states, added_cond_kwargs=extra)
    return int(counter.get_total_flops())


def plan_cost(plan: Plan, one_pass: int, *, guidance: bool = True) -> Cost:
    """Exact cost of a plan for a model whose single pass costs ``one_pass`` FLOPs."""
    passes = 2 if guidance else 1
    per_cell = {Cell.FULL: passes * one_pass}
    flops = sum(plan.count(cell) * cost for cell, cost in per_cell.items())
    cloud_only = plan.steps * passes * one_pass
    return Cost(flops, cloud_only, cloud_only)

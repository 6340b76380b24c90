"""One model call of any kind with made-up inputs: what costs, seconds and memory are taken from.

The calls are the engine's own (``unet_pass``), so what is measured is what runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from obclip.cloud.attention import Memory, install
from obclip.cloud.plan import Attention, Features, Kind
from obclip.cloud.unet import Kept, check_fits, unet_pass
from obclip.diffusion.denoiser import Conditioning

#: (latents, timestep, conditioning).
Inputs = tuple[Tensor, Tensor, Conditioning]


@torch.inference_mode()
def sample_call(
    unet: Any, height: int, width: int, tokens: int, kind: Kind, rows: int
) -> Callable[[], object]:
    """A call of ``rows`` rows of ``height`` x ``width`` latent cells, ready to run.

    What it reuses of an earlier pass is made beforehand, on the model's own device.

    Raises:
        PlanError: the model cannot run passes of this kind.
    """
    if kind != Kind():
        check_fits(unet, kind)
    inputs = _inputs(unet, height, width, tokens, rows)
    memory = None
    if kind.attention is not Attention.OWN:
        install(unet)
        memory = Memory(kind.attention)
        if kind.attention is Attention.CACHED:
            memory.outputs = outputs_of(unet, inputs)
    entry = None if kind.features is Features.FULL else kept_of(unet, inputs, kind)

    def call() -> object:
        if kind.attention is Attention.PIVOT and memory is not None:
            memory.pivots.clear()  # every step has a pivot of its own
        return unet_pass(unet, *inputs, kind=kind, entry=entry, memory=memory)

    return call


def _inputs(unet: Any, height: int, width: int, tokens: int, rows: int) -> Inputs:
    config, place = unet.config, {"device": unet.device, "dtype": unet.dtype}
    cross = config.cross_attention_dim
    states = torch.randn(rows, tokens, cross if isinstance(cross, int) else cross[0], **place)
    pooled = time_ids = None
    if config.addition_embed_type == "text_time":
        pooled_width = config.projection_class_embeddings_input_dim
        pooled_width -= 6 * config.addition_time_embed_dim
        pooled, time_ids = torch.randn(rows, pooled_width, **place), torch.ones(rows, 6, **place)
    return (
        torch.randn(rows, config.in_channels, height, width, **place),
        torch.full((1,), 500.0, device=unet.device),
        Conditioning(states, pooled, time_ids),
    )


def kept_of(unet: Any, inputs: Inputs, kind: Kind) -> Kept | None:
    """What a whole pass leaves for passes of this kind."""
    return unet_pass(unet, *inputs, keep=kind)[1]


def outputs_of(unet: Any, inputs: Inputs) -> dict[Any, Tensor]:
    """Every attention layer's output in a whole pass."""
    memory = Memory(record=True)
    unet_pass(unet, *inputs, memory=memory)
    return memory.outputs


@torch.inference_mode()
def kept_bytes(unet: Any, height: int, width: int, tokens: int, kind: Kind) -> int:
    """Bytes a row that passes of this kind need kept from an earlier one."""
    inputs = _inputs(unet, height, width, tokens, 1)
    found: list[Tensor] = []
    if kind.features is not Features.FULL:
        kept = kept_of(unet, inputs, kind)
        found += [] if kept is None else [kept.hidden, *kept.skips]
    if kind.attention is Attention.CACHED:
        install(unet)
        found += outputs_of(unet, inputs).values()
    return sum(t.numel() * t.element_size() for t in found)

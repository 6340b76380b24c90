"""The paper's attention reuse, as published: a pivot's maps for all, and cached attention.

One stateless processor (diffusers' own interface) stands in every attention layer; what it
remembers is handed to it with each pass. Without a memory it is diffusers' processor.

A cached cross-attention map times values that depend on the text alone is a constant, so the
layer's output is kept rather than its map; of self-attention, which the paper bypasses, likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F  # noqa: N812 its usual name
from torch import Tensor

from obclip.cloud.plan import Attention


@dataclass(slots=True)
class Memory:
    """What the attention layers of one group of rows remember, by layer.

    Attributes:
        mode: what layers do in this pass.
        record: keep each layer's output.
        outputs: layer -> its last output (rows, tokens, width).
        pivots: layer -> (query, key) of the pivot, each (1, heads, tokens, width).
    """

    mode: Attention = Attention.OWN
    record: bool = False
    outputs: dict[Any, Tensor] = field(default_factory=dict)
    pivots: dict[Any, tuple[Tensor, Tensor]] = field(default_factory=dict)


class PlanAttention:
    """diffusers' attention processor that a plan can steer; ``plain`` is the one it replaces."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        if memory is not None and memory.mode is Attention.CACHED:
            return memory.outputs[attn]
        if memory is not None and memory.mode is Attention.PIVOT:
            out = from_pivot(attn, hidden_states, encoder_hidden_states, memory)
        else:
            out = self.plain(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        if memory is not None and memory.record:
            memory.outputs[attn] = out
        return out


def from_pivot(attn: Any, x: Tensor, context: Tensor | None, memory: Memory) -> Tensor:
    """Attention of all rows with the map of the first row of the group.

    One map serves all: the values of the rows stand side by side, so that a single product with
    the map gives every row's output. (rows, tokens, width) in and out.
    """
    rows = len(x)
    context = x if context is None else context
    if attn not in memory.pivots:
        memory.pivots[attn] = (
            _heads(attn, attn.to_q(x[:1])), _heads(attn, attn.to_k(context[:1]))
        )  # fmt: skip
    query, key = memory.pivots[attn]
    value = _heads(attn, attn.to_v(context))  # rows heads tokens width
    width = value.shape[-1]
    beside = value.permute(1, 2, 0, 3).flatten(2)[None]  # 1 heads tokens (rows width)
    out = F.scaled_dot_product_attention(query, key, beside)
    out = out[0].reshape(attn.heads, -1, rows, width).permute(2, 1, 0, 3).flatten(2)
    result: Tensor = attn.to_out[1](attn.to_out[0](out)) / attn.rescale_output_factor
    return result  # rows tokens (heads width)


def _heads(attn: Any, x: Tensor) -> Tensor:
    return x.reshape(*x.shape[:-1], attn.heads, -1).transpose(1, 2)


def install(unet: Any) -> None:
    """Puts a ``PlanAttention`` around each attention processor of a UNet, once."""
    processors = unet.attn_processors
    if all(isinstance(p, PlanAttention) for p in processors.values()):
        return
    unet.set_attn_processor(
        {k: p if isinstance(p, PlanAttention) else PlanAttention(p) for k, p in processors.items()}
    )

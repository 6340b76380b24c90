"""A UNet pass that is called openly, and can leave out what an earlier pass has computed.

diffusers' own modules in diffusers' own order, as two flat lists of layers: each layer down
pushes a skip connection, each layer up pops one. No forward is patched. A pass that leaves
nothing out equals ``unet(...)`` bit for bit.

Shallow passes follow DeepCache (Ma et al. 2023, arXiv 2312.00858), passes of the up blocks alone
the published block skip (encoder propagation, Li et al. 2023, arXiv 2312.09608).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from obclip.cloud.attention import Memory
from obclip.cloud.plan import Features, Kind
from obclip.diffusion.denoiser import Conditioning
from obclip.errors import PlanError

_DOWN = ("DownBlock2D", "CrossAttnDownBlock2D")
_UP = ("UpBlock2D", "CrossAttnUpBlock2D")
_MID = ("UNetMidBlock2DCrossAttn", "UNetMidBlock2D", "NoneType")
_EMBEDS = (None, "text", "text_time")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a pass leaves for later ones: what entered an up layer, and skip connections.

    ``hidden`` is (rows, channels, h, w); ``skips`` are empty for a shallow pass, which renews
    those that it needs.
    """

    hidden: Tensor
    skips: tuple[Tensor, ...] = ()

    def rows(self, part: slice) -> Kept:
        return Kept(self.hidden[part], tuple(s[part] for s in self.skips))

    def each(self, times: int) -> Kept:
        """Every row ``times`` times, one after the other."""
        if times == 1:
            return self
        repeated = (s.repeat_interleave(times, 0) for s in self.skips)
        return Kept(self.hidden.repeat_interleave(times, 0), tuple(repeated))

    @staticmethod
    def join(parts: list[Kept]) -> Kept:
        if len(parts) == 1:
            return parts[0]
        skips = zip(*(p.skips for p in parts), strict=True)
        return Kept(torch.cat([p.hidden for p in parts]), tuple(torch.cat(s) for s in skips))


def why_not(unet: Any, kind: Kind) -> str | None:
    """Why ``unet`` cannot run passes of this kind, in words; None if it can."""
    blocks = [*unet.down_blocks, *unet.up_blocks]
    odd = {type(b).__name__ for b in blocks} - {*_DOWN, *_UP}
    odd |= {type(unet.mid_block).__name__} - {*_MID}
    if odd:
        return f"blocks of kind {', '.join(sorted(odd))}"
    config = unet.config
    if config.addition_embed_type not in _EMBEDS or config.class_embed_type is not None:
        return f"embeddings of kind {config.addition_embed_type or config.class_embed_type}"
    if unet.encoder_hid_proj is not None or config.center_input_sample:
        return "a projection of its inputs"
    if kind.features is Features.SHALLOW and not 1 <= kind.depth < skips_of(unet):
        return f"depth {kind.depth}, where 1 to {skips_of(unet) - 1} is possible"
    return None


def check_fits(unet: Any, kind: Kind) -> None:
    """Raises PlanError if ``unet`` cannot run passes of this kind."""
    reason = why_not(unet, kind)
    if reason is not None:
        raise PlanError(
            "the plan does not fit the model", code="plan_unfit", got=reason,
            expected="a UNet of SD-1.x or SDXL kind, with layers enough",
        )  # fmt: skip


def skips_of(unet: Any) -> int:
    """How many skip connections a UNet has."""
    return 1 + sum(len(b.resnets) + (b.downsamplers is not None) for b in unet.down_blocks)


def unet_pass(
    unet: Any,
    sample: Tensor,
    timestep: Tensor | float,
    cond: Conditioning,
    *,
    kind: Kind = Kind(),  # noqa: B008 frozen
    entry: Kept | None = None,
    keep: Kind | None = None,
    memory: Memory | None = None,
) -> tuple[Tensor, Kept | None]:
    """One pass of (rows, channels, h, w) latents, one conditioning row each.

    Args:
        kind: how much of the network runs; all but FULL need ``entry``.
        entry: what an earlier pass kept for passes of this kind.
        keep: the kind of later passes to keep features for; FULL passes only.
        memory: what attention layers remember (``attention.Memory``); None for plain attention.

    Returns:
        The prediction (rows, channels, h, w), and what was kept for ``keep``.
    """
    embedding = _embed(unet, sample, timestep, cond)
    layers = _Layers(embedding, cond.states, {"memory": memory} if memory is not None else None)
    up = list(_up(unet))
    kept: Kept | None = None
    if kind.features is Features.SKIP:
        assert entry is not None  # noqa: S101 the plan was checked
        x, skips = entry.hidden, list(entry.skips)
        start = 0
    else:
        down = list(_down(unet))
        shallow = kind.features is Features.SHALLOW
        x = unet.conv_in(sample)
        skips = [x]
        for layer in down[: kind.depth - 1] if shallow else down:
            x = layers.run(x, layer)
            skips.append(x)
        start = 0
        if shallow:
            assert entry is not None  # noqa: S101 the plan was checked
            x, start = entry.hidden, len(up) - kind.depth
        elif unet.mid_block is not None:
            x = layers.mid(x, unet.mid_block)
    if keep is not None and keep.features is Features.SKIP:
        kept = Kept(x, tuple(skips))
    for layer in up[start:]:
        if keep is not None and keep.features is Features.SHALLOW and len(skips) == keep.depth:
            kept = Kept(x)
        x = layers.run(torch.cat([x, skips.pop()], dim=1), layer)
    if unet.conv_norm_out is not None:
        x = unet.conv_act(unet.conv_norm_out(x))
    return unet.conv_out(x), kept


#: (resnet or None, attention or None, resampler or None), run in this order.
_Layer = tuple[Any, Any, Any]


def _down(unet: Any) -> Iterator[_Layer]:
    for block in unet.down_blocks:
        attentions = getattr(block, "attentions", None) or [None] * len(block.resnets)
        for resnet, attention in zip(block.resnets, attentions, strict=True):
            yield resnet, attention, None
        for resample in block.downsamplers or ():
            yield None, None, resample


def _up(unet: Any) -> Iterator[_Layer]:
    for block in unet.up_blocks:
        attentions = getattr(block, "attentions", None) or [None] * len(block.resnets)
        resample = block.upsamplers[0] if block.upsamplers is not None else None
        last = len(block.resnets) - 1
        for i, (resnet, attention) in enumerate(zip(block.resnets, attentions, strict=True)):
            yield resnet, attention, resample if i == last else None


@dataclass(frozen=True, slots=True)
class _Layers:
    """Runs layers with what all layers of one pass are given."""

    embedding: Tensor
    states: Tensor
    options: dict[str, Any] | None

    def run(self, x: Tensor, layer: _Layer) -> Tensor:
        resnet, attention, resample = layer
        if resnet is not None:
            x = resnet(x, self.embedding)
        if attention is not None:
            x = self.attend(x, attention)
        return x if resample is None else resample(x)

    def attend(self, x: Tensor, attention: Any) -> Tensor:
        out: Tensor = attention(
            x, encoder_hidden_states=self.states, cross_attention_kwargs=self.options,
            return_dict=False,
        )[0]  # fmt: skip
        return out

    def mid(self, x: Tensor, block: Any) -> Tensor:
        x = block.resnets[0](x, self.embedding)
        attentions = getattr(block, "attentions", None) or [None] * (len(block.resnets) - 1)
        for attention, resnet in zip(attentions, block.resnets[1:], strict=True):
            if attention is not None:
                x = self.attend(x, attention)
            x = resnet(x, self.embedding)
        return x


def _embed(unet: Any, sample: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
    """The time embedding, with SDXL's sizes and pooled text: (rows, width)."""
    extra = {"text_embeds": cond.pooled, "time_ids": cond.time_ids}
    out: Tensor = unet.time_embedding(unet.get_time_embed(sample=sample, timestep=timestep))
    added = unet.get_aug_embed(emb=out, encoder_hidden_states=cond.states, added_cond_kwargs=extra)
    if added is not None:
        out = out + added
    return out if unet.time_embed_act is None else unet.time_embed_act(out)

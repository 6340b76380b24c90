"""The denoiser contract: what a sampler may ask of a model, whatever its family.

Model families differ only in here: no loop knows whether it runs SD-1.x or SDXL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from obclip.diffusion.loading import Parts


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Encoded prompts, one row a prompt.

    ``states`` is (n, tokens, width); ``pooled`` (n, width) and ``time_ids`` (n, 6) are SDXL's.
    """

    states: Tensor
    pooled: Tensor | None = None
    time_ids: Tensor | None = None

    def __len__(self) -> int:
        return len(self.states)

    def rows(self, index: slice | Sequence[int]) -> Conditioning:
        """The conditioning of some of the prompts, in the order of ``index``."""
        return Conditioning(
            self.states[index],
            None if self.pooled is None else self.pooled[index],
            None if self.time_ids is None else self.time_ids[index],
        )

    def repeat(self, times: int) -> Conditioning:
        """The whole batch ``times`` times over."""
        return Conditioning(
            self.states.repeat(times, 1, 1),
            None if self.pooled is None else self.pooled.repeat(times, 1),
            None if self.time_ids is None else self.time_ids.repeat(times, 1),
        )

    @staticmethod
    def join(a: Conditioning, b: Conditioning) -> Conditioning:
        """The rows of ``a``, then those of ``b`` (both of one family)."""
        return Conditioning(
            torch.cat([a.states, b.states]),
            None if a.pooled is None or b.pooled is None else torch.cat([a.pooled, b.pooled]),
            None
            if a.time_ids is None or b.time_ids is None
            else torch.cat([a.time_ids, b.time_ids]),
        )


class Denoiser(Protocol):
    """Predicts noise (or v) of latents at a timestep."""

    def encode(self, prompts: Sequence[str], height: int, width: int) -> Conditioning:
        """Encodes prompts for pictures of ``height`` x ``width`` pixels."""
        ...

    def predict(self, latents: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
        """Model output for scaled latents (n, channels, h, w), one conditioning row each."""
        ...


class UNetDenoiser:
    """SD-1.x and SDXL kinds: a ``UNet2DConditionModel`` with its text encoders."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.unet = parts.unet

    @property
    def dtype(self) -> torch.dtype:
        return dtype_of(self.unet)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str], height: int, width: int) -> Conditioning:
        states, pooled = [], None
        for tokenizer, encoder in zip(self.parts.tokenizers, self.parts.text_encoders, strict=True):
            ids = tokenizer(
                list(prompts), padding="max_length", truncation=True,
                max_length=tokenizer.model_max_length, return_tensors="pt",
            ).input_ids.to(encoder.device)  # fmt: skip
            if len(self.parts.text_encoders) == 1:
                states.append(encoder(ids)[0])
                continue
            out = encoder(ids, output_hidden_states=True)
            states.append(out.hidden_states[-2])
            pooled = out[0]  # of the last encoder, as SDXL has it
        if pooled is None:
            return Conditioning(states[0].to(self.unet.device, self.dtype))
        ids6 = torch.tensor([height, width, 0, 0, height, width], dtype=self.dtype)
        return Conditioning(
            torch.cat(states, dim=-1).to(self.unet.device, self.dtype),
            pooled.to(self.unet.device, self.dtype),
            ids6.repeat(len(prompts), 1).to(self.unet.device),
        )

    def encode_empty(self, times: int, height: int, width: int) -> Conditioning:
        """What the unconditional pass is given without a negative prompt, ``times`` rows."""
        one = self.encode([""], height, width)
        if self.parts.zeros_when_empty:
            pooled = None if one.pooled is None else torch.zeros_like(one.pooled)
            one = Conditioning(torch.zeros_like(one.states), pooled, one.time_ids)
        return one.repeat(times)

    @torch.inference_mode()
    def predict(self, latents: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
        extra: dict[str, Any] = {}
        if cond.pooled is not None:
            extra = {"text_embeds": cond.pooled, "time_ids": cond.time_ids}
        out = self.unet(
            latents.to(self.dtype), timestep, encoder_hidden_states=cond.states,
            added_cond_kwargs=extra or None, return_dict=False,
        )  # fmt: skip
        prediction: Tensor = out[0]
        return prediction


def dtype_of(unet: Any) -> torch.dtype:
    """The numbers of a model, by its first layer: diffusers looks through all, each time."""
    dtype: torch.dtype = next(unet.parameters()).dtype
    return dtype


def tokens_cut(parts: Parts, prompt: str) -> int:
    """How many tokens of ``prompt`` the model's text encoder will not see."""
    tokenizer = parts.tokenizers[0]
    return max(0, len(tokenizer(prompt).input_ids) - int(tokenizer.model_max_length))

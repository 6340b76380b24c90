"""A known pair's models at full size with random weights: what cost and time are measured on.

Where the weights cannot be had, their architectures can: a UNet with random weights costs exactly
what the trained one costs. Its pictures mean nothing, and nobody is shown them as pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch

from obclip.diffusion.architectures import SCHEDULE, unet_of
from obclip.diffusion.loading import Parts, quiet
from obclip.diffusion.pairs import Source
from obclip.errors import ModelError

_VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL", "block_out_channels": (128, 256, 512, 512),
    "latent_channels": 4, "layers_per_block": 2, "in_channels": 3, "out_channels": 3,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip


class Pretend:
    """Encodes any text to random states of the right shape, the same text to the same states."""

    model_max_length = 77

    def __init__(self, width: int, pooled: int | None) -> None:
        self.width, self.pooled, self.device = width, pooled, torch.device("cpu")

    def __call__(self, texts: Sequence[Any] | Any, **options: Any) -> Any:
        if isinstance(texts, torch.Tensor):
            return self._states(texts)
        rows = [[sum(map(ord, t)) % 2**31] * self.model_max_length for t in texts]
        return SimpleNamespace(input_ids=torch.tensor(rows))

    def _states(self, ids: torch.Tensor) -> Any:
        rows = []
        for row in ids:
            generator = torch.Generator().manual_seed(int(row[0]))
            rows.append(torch.randn(len(row), self.width, generator=generator))
        states = torch.stack(rows)
        pooled = None if self.pooled is None else states.mean(1).repeat(1, 8)[:, : self.pooled]
        return _Out(states, pooled)


class _Out(tuple[Any, ...]):
    """What both kinds of text encoder answer: the first item, and ``hidden_states``."""

    hidden_states: tuple[Any, ...]

    def __new__(cls, states: Any, pooled: Any) -> _Out:
        out = super().__new__(cls, (states if pooled is None else pooled,))
        out.hidden_states = (states, states)
        return out


def random_parts(
    source: Source, *, dtype: torch.dtype = torch.float32, seed: int = 0, vae: bool = False
) -> Parts:
    """A known model's exact UNet (and decoder) with random weights, text states drawn from a hash.

    Raises:
        ModelError: the model's architecture is not known here.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    quiet()
    config, factor, _ = unet_of(source)
    if factor != 8:
        raise ModelError(
            "no full-size stand-in for that model", code="no_model", got=source.location,
            expected="one of the known real pairs",
        )  # fmt: skip
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # never twice the memory for a moment
    try:
        unet = UNet2DConditionModel.from_config(config).eval().requires_grad_(False)
        decoder = AutoencoderKL.from_config(_VAE).eval().requires_grad_(False) if vae else None
    finally:
        torch.set_default_dtype(before)
    xl = config.get("addition_embed_type") == "text_time"
    encoders = (Pretend(768, None),) if not xl else (Pretend(768, None), Pretend(1280, 1280))
    return Parts(
        location=f"{source.location} (random weights)",
        family="StableDiffusionXLPipeline" if xl else "StableDiffusionPipeline",
        unet=unet, text_encoders=encoders, tokenizers=encoders, vae=decoder,
        vae_config={**_VAE, "scaling_factor": 0.13025 if xl else 0.18215},
        scheduler_config=dict(SCHEDULE), zeros_when_empty=xl,
    )  # fmt: skip

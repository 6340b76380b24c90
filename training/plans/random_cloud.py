"""A full-size cloud with random weights: its seconds are those of trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from obclip.cloud.engine import Engine
from obclip.diffusion.architectures import SD1
from obclip.diffusion.denoiser import Conditioning
from obclip.diffusion.loading import Parts, quiet

TOKENS = 77
SCHEDULE = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "steps_offset": 1, "timestep_spacing": "leading",
    "clip_sample": False, "set_alpha_to_one": False, "prediction_type": "epsilon",
}  # fmt: skip
#: A UNet of the same kind that runs in no time.
SMALL = {**SD1, "block_out_channels": (32, 32, 64, 64), "sample_size": 8, "attention_head_dim": 2}


class Texts:
    """A denoiser's text side with made-up states: the UNet's time does not depend on the words."""

    def __init__(self, unet: Any) -> None:
        self.unet = unet

    def encode(self, prompts: Sequence[str], height: int, width: int) -> Conditioning:
        generator, config, rows = torch.Generator().manual_seed(0), self.unet.config, len(prompts)
        place = {"device": self.unet.device, "dtype": self.unet.dtype}
        states = torch.randn(rows, TOKENS, config.cross_attention_dim, generator=generator)
        if config.addition_embed_type != "text_time":
            return Conditioning(states.to(**place))
        width = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        pooled = torch.randn(rows, width, generator=generator)
        return Conditioning(
            states.to(**place), pooled.to(**place), torch.full((rows, 6), 1024.0, **place)
        )

    def encode_empty(self, times: int, height: int, width: int) -> Conditioning:
        return self.encode([""] * times, height, width)

    def predict(self, latents: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
        extra = {"text_embeds": cond.pooled, "time_ids": cond.time_ids}
        out: Tensor = self.unet(
            latents.to(self.unet.dtype), timestep, encoder_hidden_states=cond.states,
            added_cond_kwargs=None if cond.pooled is None else extra, return_dict=False,
        )[0]  # fmt: skip
        return out


def random_engine(config: dict[str, Any], dtype: torch.dtype, on: str = "cpu") -> Engine:
    """A cloud of SD-1.x or SDXL kind on ``on``, with random weights and no text encoder."""
    from diffusers import UNet2DConditionModel

    quiet()
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(on):
            unet = UNet2DConditionModel.from_config(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    vae = {"_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512]}
    parts = Parts(
        "random weights", "StableDiffusionPipeline", unet, (), (), None, vae, dict(SCHEDULE)
    )
    engine = Engine(parts, batch=32)
    engine.denoiser = Texts(unet)  # type: ignore[assignment]
    return engine


def with_decoder(engine: Engine) -> Engine:
    """The pipeline asks for a decoder, if only to know its factor; latents are not decoded."""
    from diffusers import AutoencoderKL

    widths = engine.parts.vae_config["block_out_channels"]
    vae = AutoencoderKL(
        block_out_channels=tuple(32 for _ in widths), norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
    )  # fmt: skip
    engine.parts = replace(engine.parts, vae=vae)
    return engine

"""UNet architectures of the known cloud models, as their publishers' configs state them.

With these a plan's cost is counted, and full-size models are built with random weights, without
any download. Only fields that differ from diffusers' defaults are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obclip.diffusion.pairs import Pair, Source
from obclip.errors import ModelError

SD1: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}

SDXL: dict[str, Any] = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}

#: hub id -> (UNet config, pixels to a latent cell, text tokens).
KNOWN: dict[str, tuple[dict[str, Any], int, int]] = {
    "SG161222/Realistic_Vision_V4.0_noVAE": (SD1, 8, 77),
    "CompVis/stable-diffusion-v1-4": (SD1, 8, 77),
    "stabilityai/stable-diffusion-xl-base-1.0": (SDXL, 8, 77),
    "latent-consistency/lcm-sdxl": ({**SDXL, "time_cond_proj_dim": 256}, 8, 77),
}


def unet_of(source: Source) -> tuple[dict[str, Any], int, int]:
    """(UNet config, pixels to a latent cell, text tokens) of a model, without its weights.

    Raises:
        ModelError: not a known hub id, and not a folder of this machine.
    """
    folder = source.folder
    if folder is not None:
        return _from_folder(folder)
    if source.location in KNOWN:
        return KNOWN[source.location]
    raise ModelError(
        "the architecture of that model is not known here", code="no_model",
        got=source.location, expected="a known pair or a folder in diffusers format",
    )  # fmt: skip


def _from_folder(folder: Path) -> tuple[dict[str, Any], int, int]:
    from obclip.diffusion.folder import latent_factor, read_json

    tokenizer = read_json(folder / "tokenizer" / "tokenizer_config.json")
    return (
        read_json(folder / "unet" / "config.json"),
        latent_factor(read_json(folder / "vae" / "config.json")),
        int(tokenizer["model_max_length"]),
    )


def side_of(pair: Pair, config: dict[str, Any], factor: int) -> int:
    """The picture side in pixels that a pair is used at."""
    return (
        pair.side
        if not isinstance(config.get("sample_size"), int)
        else int(config["sample_size"]) * factor
    )

"""UNet architectures of the known models, as their publishers' configs state them.

With these a plan's cost is counted, and full-size models are built with random weights, without
any download. Only fields that differ from diffusers' defaults are written.
"""

from __future__ import annotations

from typing import Any

from obclip.diffusion.folder import Layout, latent_factor, layout, read_json
from obclip.diffusion.pairs import Pair, Source
from obclip.errors import ModelError
from obclip.protocol.schedule import NoiseSchedule

#: SD-1.x and SDXL were trained on one noise schedule.
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "prediction_type": "epsilon", "steps_offset": 1,
    "timestep_spacing": "leading",
}  # fmt: skip

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

#: BK-SDM base: one layer a block instead of two. Segmind's small-sd was distilled by the same
#: method and has its number of parameters (579.38 million), which is how it is known here.
BK_BASE: dict[str, Any] = {**SD1, "layers_per_block": 1}
#: BK-SDM small and tiny, by the configs in their authors' repository (Nota-NetsPresso/BK-SDM).
BK_SMALL: dict[str, Any] = {**BK_BASE, "mid_block_type": None}
BK_TINY: dict[str, Any] = {
    **BK_SMALL,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3,
    "up_block_types": ("CrossAttnUpBlock2D",) * 3,
}
#: KOALA-700M (Lee et al. 2023, arXiv 2312.04005, table 2): one layer a block, five transformer
#: layers in the deepest, no mid block; 782.82 million parameters, the paper's 782M.
KOALA: dict[str, Any] = {
    **SDXL,
    "layers_per_block": 1,
    "transformer_layers_per_block": (1, 2, 5),
    "mid_block_type": None,
}

#: hub id -> (UNet config, pixels to a latent cell, text tokens).
KNOWN: dict[str, tuple[dict[str, Any], int, int]] = {
    "SG161222/Realistic_Vision_V4.0_noVAE": (SD1, 8, 77),
    "segmind/small-sd": (BK_BASE, 8, 77),
    "CompVis/stable-diffusion-v1-4": (SD1, 8, 77),
    "nota-ai/bk-sdm-small": (BK_SMALL, 8, 77),
    "nota-ai/bk-sdm-tiny": (BK_TINY, 8, 77),
    "stabilityai/stable-diffusion-xl-base-1.0": (SDXL, 8, 77),
    "etri-vilab/koala-700m": (KOALA, 8, 77),
    "latent-consistency/lcm-sdxl": ({**SDXL, "time_cond_proj_dim": 256}, 8, 77),
}


def unet_of(source: Source) -> tuple[dict[str, Any], int, int]:
    """(UNet config, pixels to a latent cell, text tokens) of a model, without its weights.

    Raises:
        ModelError: not a known hub id, and not a folder of this machine.
    """
    if source.location in KNOWN:
        return KNOWN[source.location]
    if source.base in KNOWN and source.file is not None:
        return KNOWN[source.base]
    if source.folder is not None or source.file is not None:
        return _from_folder(layout(source))
    raise ModelError(
        "the architecture of that model is not known here", code="no_model",
        got=source.location, expected="a known pair or a folder in diffusers format",
    )  # fmt: skip


def schedule_of(source: Source) -> NoiseSchedule:
    """The noise schedule of a model; arguments and errors as for ``unet_of``."""
    known = source.location in KNOWN or (source.base in KNOWN and source.file is not None)
    if known or (source.folder is None and source.file is None):
        return NoiseSchedule.of(SCHEDULE)
    return NoiseSchedule.of(read_json(layout(source).root / "scheduler" / "scheduler_config.json"))


def _from_folder(places: Layout) -> tuple[dict[str, Any], int, int]:
    tokenizer = read_json(places.root / "tokenizer" / "tokenizer_config.json")
    return (
        read_json(places.unet / "config.json"),
        latent_factor(read_json(places.root / "vae" / "config.json")),
        int(tokenizer["model_max_length"]),
    )


def side_of(pair: Pair, config: dict[str, Any], factor: int) -> int:
    """The picture side in pixels that a pair is used at."""
    return (
        pair.side
        if not isinstance(config.get("sample_size"), int)
        else int(config["sample_size"]) * factor
    )

"""Tiny random-weight models in the exact folder format of each family, for offline tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

SCHEDULER: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}


def _tokenizer(folder: Path) -> int:
    """A byte-level CLIP tokenizer without merges: every text has a spelling."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    symbols = [*letters, *(a + "</w>" for a in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={s: i for i, s in enumerate(symbols)}, merges=[], unk_token="<|endoftext|>",
        bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>",
        model_max_length=77,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    return len(symbols)


def _text_config(vocabulary: int, width: int, projection: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=77, projection_dim=projection,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
    )  # fmt: skip


def write(
    folder: Path,
    *,
    widths: tuple[int, ...] = (32, 64),
    seed: int = 0,
    xl: bool = False,
    prediction_type: str = "epsilon",
    scheduler: dict[str, Any] | None = None,
    time_cond: int | None = None,
    mid: bool = True,
) -> Path:
    """An SD-1.x model (or an SDXL one) of 64 px pictures and 8 px cells, with random weights."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    vocabulary = _tokenizer(folder / "tokenizer")
    width = 32
    CLIPTextModel(_text_config(vocabulary, width, width)).save_pretrained(folder / "text_encoder")
    extra: dict[str, Any] = {}
    if xl:
        _tokenizer(folder / "tokenizer_2")
        CLIPTextModelWithProjection(_text_config(vocabulary, width, 16)).save_pretrained(
            folder / "text_encoder_2"
        )
        extra = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 16 + 6 * 8,
        }
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=widths,
        layers_per_block=1, cross_attention_dim=width * (2 if xl else 1), attention_head_dim=2,
        down_block_types=("DownBlock2D",) * (len(widths) - 1) + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * (len(widths) - 1),
        time_cond_proj_dim=time_cond, mid_block_type="UNetMidBlock2DCrossAttn" if mid else None,
        **extra,
    )  # fmt: skip
    unet.save_pretrained(folder / "unet")
    vae = AutoencoderKL(
        block_out_channels=(32, 32, 32, 32), latent_channels=4, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.18215,
    )  # fmt: skip
    torch.manual_seed(7)  # the two models of a pair share the autoencoder
    for p in vae.parameters():
        torch.nn.init.normal_(p, std=0.05)
    vae.save_pretrained(folder / "vae")
    (folder / "scheduler").mkdir()
    config = {**SCHEDULER, "prediction_type": prediction_type, **(scheduler or {})}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    family = "StableDiffusionXLPipeline" if xl else "StableDiffusionPipeline"
    index = {"_class_name": family, "_diffusers_version": "0.42.0"}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def write_pair(folder: Path, *, xl: bool = False) -> str:
    """A cloud and a device folder; returns the pair's name for ``--pair``."""
    cloud = write(folder / "cloud", seed=0, xl=xl)
    device = write(folder / "device", widths=(32, 32), seed=1, xl=xl)
    return f"{cloud},{device}"


def write_distilled(folder: Path) -> str:
    """A cloud of SDXL kind that was distilled to 4 of 8 LCM steps, and its device; for ``--pair``.

    Its UNet takes its guidance weight as an input; timesteps are spaced as SDXL's are.
    """
    spaced = {"timestep_spacing": "leading"}
    cloud = write(folder / "cloud", xl=True, time_cond=16, scheduler=spaced)
    device = write(folder / "device", widths=(32, 32), seed=1, xl=True, scheduler=spaced)
    return f"{cloud}@guidance=8@lcm=8/4,{device}"


def write_clip(out: Path) -> Path:
    """A tiny random CLIP in transformers' format, with the mini pair's tokenizer."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    words_folder = Path(__file__).parents[1] / "src/obclip/models/mini/cloud/tokenizer"
    torch.manual_seed(0)
    words = CLIPTokenizer.from_pretrained(words_folder)
    text = {
        "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 20,
        "eos_token_id": words.eos_token_id, "bos_token_id": words.bos_token_id,
        "pad_token_id": words.eos_token_id,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    ).save_pretrained(out)
    words.save_pretrained(out)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(out)
    return out

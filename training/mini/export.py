"""Stage 8: writes the pair as two folders in diffusers format, fp16 safetensors.

Each folder is complete, so that either party loads its own like any Stable Diffusion model.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray

from training.mini import autoencoder, distill
from training.mini.catalogue import Item
from training.mini.denoiser import Examples, schedule

#: Where the package keeps the pair.
TARGET = Path(__file__).resolve().parents[2] / "src" / "obclip" / "models" / "mini"

_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.0",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderTiny"],
}


def scheduler_config() -> dict[str, Any]:
    """The schedule of training as an inference scheduler's config."""
    trained = schedule().config
    keep = (
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type",
        "rescale_betas_zero_snr", "timestep_spacing", "steps_offset", "clip_sample",
    )  # fmt: skip
    return {
        "_class_name": "DDIMScheduler",
        **{name: trained[name] for name in keep},
        "set_alpha_to_one": True,
    }


def export(
    work: Path, items: list[Item], latents: NDArray[np.float16], target: Path = TARGET
) -> None:
    """Writes ``target/cloud`` and ``target/device`` from the averaged weights in ``work``."""
    data = Examples(items, latents, work / "tokenizer", 0)
    channels = latents.shape[2]
    text, cloud = distill.averaged_cloud(work, channels)
    device = (
        distill.averaged_device(work, channels)
        if (work / "device.pt").exists()
        else distill.device_unet(channels)
    )
    coder = autoencoder.load(work)
    coder.register_to_config(scaling_factor=data.scale)
    for name, net in (("cloud", cloud), ("device", device)):
        _write(target / name, net, text, coder, work / "tokenizer")


def _write(folder: Path, net: UNet2DConditionModel, text: Any, coder: Any, tokenizer: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps(_INDEX, indent=2) + "\n")
    net.to(torch.float16).save_pretrained(folder / "unet")
    text.to(torch.float16).save_pretrained(folder / "text_encoder")
    coder.to(torch.float16).save_pretrained(folder / "vae")
    _drop_unknown(folder / "vae" / "config.json")
    shutil.copytree(tokenizer, folder / "tokenizer")
    for file in folder.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(scheduler_config(), indent=2) + "\n"
    )


def _drop_unknown(file: Path) -> None:
    """AutoencoderTiny writes a field that it does not read; without it loading is silent."""
    config = json.loads(file.read_text())
    config.pop("block_out_channels", None)
    file.write_text(json.dumps(config, indent=2) + "\n")

"""Lays a work folder out from the shipped pair, so that a later stage can be trained anew.

Checkpoints of a training are large and stay out of the repository; its results are in it. What is
restored is the averaged weights alone: the cloud UNet can teach, not be trained on as if nothing
had happened, since the optimiser's state is gone. A pair of another schedule is moved to this one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel

from training.mini import reschedule
from training.mini.denoiser import Ema, schedule
from training.mini.export import TARGET


def restore(work: Path, pair: Path = TARGET) -> None:
    """Writes tokenizer, text.pt, autoencoder.pt and cloud.pt; what is there already stays."""
    source = pair / "cloud"
    if not (work / "tokenizer").exists():
        shutil.copytree(source / "tokenizer", work / "tokenizer")
    text = CLIPTextModel.from_pretrained(source / "text_encoder").float()
    _save(work / "text.pt", {"text": text.state_dict()})
    coder = AutoencoderTiny.from_pretrained(source / "vae", low_cpu_mem_usage=False).float()
    _save(work / "autoencoder.pt", {"model": coder.state_dict()})
    net = UNet2DConditionModel.from_pretrained(source / "unet", low_cpu_mem_usage=False).float()
    trained = DDPMScheduler.from_pretrained(source / "scheduler")
    if not trained.alphas_cumprod.equal(schedule().alphas_cumprod):
        print(f"time embedding moved, error {reschedule.move(net, trained, schedule()):.1e}")
    _save(work / "cloud.pt", {"ema": Ema([net]).state_dict()})


def _save(file: Path, state: dict[str, object]) -> None:
    if not file.exists():
        torch.save(state, file)

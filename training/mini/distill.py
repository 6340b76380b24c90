"""Stage 7: the device UNet, distilled from the cloud UNet.

Same noise, same text, same autoencoder: its targets are the cloud model's outputs, guided by
nothing (guidance is applied when sampling, by both models alike). Three quarters of its practice
are on timesteps below 650: those it is given after the split (k = 10 of 25 leaves it the ones
below 600).
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from transformers import CLIPTextModel

from training.mini import checkpoint
from training.mini import text as reading
from training.mini.catalogue import Item
from training.mini.denoiser import (
    BATCH,
    CLOUD_WIDTHS,
    Ema,
    Examples,
    loss_weight,
    noised,
    rate,
    schedule,
    unet,
)

DEVICE_WIDTHS = (64, 96, 128)
#: 0.65 ** (1 / 1.5) = 0.75 of the timesteps are below 650.
WARP = 1.5


def averaged_cloud(work: Path, channels: int) -> tuple[CLIPTextModel, UNet2DConditionModel]:
    """The text encoder, and the cloud UNet with its averaged weights (``work/cloud.pt``)."""
    text, _ = reading.load(work)
    net = unet(CLOUD_WIDTHS, channels)
    ema = Ema([net])
    saved = torch.load(work / "cloud.pt", weights_only=True)
    ema.load_state_dict(saved["ema"])
    ema.swap()
    return text, net.eval().requires_grad_(False)


def averaged_device(work: Path, channels: int) -> UNet2DConditionModel:
    """The device UNet with its averaged weights, from ``work/device.pt``."""
    net = unet(DEVICE_WIDTHS, channels)
    ema = Ema([net])
    ema.load_state_dict(torch.load(work / "device.pt", weights_only=True)["ema"])
    ema.swap()
    return net.eval().requires_grad_(False)


def train(
    work: Path, items: list[Item], latents: NDArray[np.float16], *, minutes: float, seed: int = 1
) -> None:
    """Distils for ``minutes`` of wall clock in all; writes ``work/device.pt`` (resumable)."""
    torch.manual_seed(seed)
    data = Examples(items, latents, work / "tokenizer", seed)
    text, teacher = averaged_cloud(work, latents.shape[2])
    net = unet(DEVICE_WIDTHS, latents.shape[2])
    ema = Ema([net])
    parameters = list(net.parameters())
    optimiser = torch.optim.AdamW(
        parameters, lr=2e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    clock = checkpoint.Clock(work / "device.pt", minutes * 60)
    clock.resume({"unet": net, "ema": ema, "optimiser": optimiser})
    data.rng, data.words = np.random.default_rng(seed + clock.step), Random(seed + clock.step)
    generator = torch.Generator().manual_seed(seed + clock.step)
    alphas = schedule().alphas_cumprod
    average = 0.0
    while not clock.finished:
        for group in optimiser.param_groups:
            group["lr"] = rate(clock.share, clock.step, 2e-3)
        x, ids = data.batch(BATCH)
        noisy, t, _, snr = noised(alphas, x, generator, warp=WARP)
        with torch.inference_mode():
            states = text(ids).last_hidden_state
            target = teacher(noisy, t, states).sample
        states, target = states.clone(), target.clone()
        v = net(noisy, t, states).sample
        error = (v - target).square().mean((1, 2, 3))
        loss = (error * loss_weight(snr)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update(clock.step)
        value = float(error.detach().mean())
        average = value if average == 0 else 0.99 * average + 0.01 * value
        clock.tick()
        if clock.step % 100 == 0:
            clock.log(f"distance to cloud {average:.4f} lr {optimiser.param_groups[0]['lr']:.1e}")
        clock.maybe_save()
    clock.save()

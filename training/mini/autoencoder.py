"""Stage 2: the shared autoencoder, an ``AutoencoderTiny`` of factor 8.

The decoder is what bounds the legibility of every picture after it, and it runs on the device.
A *colour anchor* (the first three channels are pulled towards the average-pooled picture while
training is young) keeps the latent space smooth; without it training stalls early.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny

from training.mini import checkpoint
from training.mini.captions import BACKGROUNDS
from training.mini.catalogue import Item
from training.mini.precision import fast
from training.mini.render import SIZE

LATENT_CHANNELS = 8
LATENT_NOISE = 0.05


def build() -> AutoencoderTiny:
    """A fresh autoencoder: factor 8, eight latent channels, about 0.8 M parameters."""
    return AutoencoderTiny(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(48, 48, 48, 48),
        num_encoder_blocks=(1, 2, 2, 2),
        num_decoder_blocks=(3, 2, 2, 1),
        latent_magnitude=3,
        latent_shift=0.5,
        scaling_factor=1.0,
    )


class Pictures:
    """Training pictures on random backgrounds, as float tensors in [-1, 1]."""

    def __init__(self, work: Path, items: list[Item], seed: int, place: torch.device) -> None:
        rgba = np.load(work / "rgba.npy", mmap_mode="r")
        keep = [i for i, item in enumerate(items) if not item.held_out]
        self.rgba = torch.from_numpy(np.ascontiguousarray(rgba[keep])).to(place)
        self.colours = torch.tensor(list(BACKGROUNDS.values()), dtype=torch.float32, device=place)
        self.generator = torch.Generator(place).manual_seed(seed)
        self.corners = np.random.default_rng(seed)

    def batch(self, size: int, crop: int) -> torch.Tensor:
        """``(size, 3, crop, crop)``; half of the backgrounds are the named colours."""
        g, place = self.generator, self.rgba.device
        windows = self.rgba[torch.randint(len(self.rgba), (size,), generator=g, device=place)]
        if crop < SIZE:
            corners = self.corners.integers(0, SIZE - crop + 1, (size, 2)).tolist()
            windows = torch.stack(
                [w[y : y + crop, x : x + crop] for w, (y, x) in zip(windows, corners, strict=True)]
            )
        named = self.colours[torch.randint(len(self.colours), (size,), generator=g, device=place)]
        any_colour = 255 * torch.rand(size, 3, generator=g, device=place)
        pick = torch.rand(size, 1, generator=g, device=place) < 0.5
        colour = torch.where(pick, named, any_colour)[:, None, None]
        alpha = windows[..., 3:].float() / 255
        mixed = windows[..., :3].float() * alpha + colour * (1 - alpha)
        return mixed.permute(0, 3, 1, 2).div(127.5).sub(1)


def _edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def loss_of(
    model: AutoencoderTiny, x: torch.Tensor, anchor: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Reconstruction (squared, absolute and edge error) plus the colour anchor; and the MSE."""
    with fast(x.device):
        z = model.encoder(x).float()
        noisy = z + LATENT_NOISE * torch.randn_like(z)
        y = model.decoder(noisy).float()
    mse = F.mse_loss(y, x)
    loss = mse + 0.1 * F.l1_loss(y, x)
    for a, b in zip(_edges(y), _edges(x), strict=True):
        loss = loss + 0.5 * F.l1_loss(a, b)
    loss = loss + 1e-4 * z.square().mean()
    if anchor > 0:
        loss = loss + anchor * F.mse_loss(z[:, :3], F.avg_pool2d(x, 8))
    return loss, mse.detach()


def train(
    work: Path, items: list[Item], *, minutes: float, seed: int = 0, on: str = "cpu"
) -> AutoencoderTiny:
    """Trains for ``minutes`` of wall clock in all (over interruptions) and saves the result.

    64 px crops at batch 16, whole pictures for the last 15 % of the time; on ``cuda`` whole
    pictures at batch 64 from the start, in bf16.
    """
    torch.manual_seed(seed)
    place = torch.device(on)
    model = build().to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0)
    state = checkpoint.Clock(work / "autoencoder.pt", minutes * 60)
    state.resume({"model": model, "optimiser": optimiser})
    data = Pictures(work, items, seed + state.step, place)
    average = torch.zeros((), device=place)
    while not state.finished:
        share = state.share
        rate = (
            1e-3
            * min(1.0, (state.step + 1) / 100)
            * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        if place.type == "cuda":
            x = data.batch(64, SIZE)
        else:
            x = data.batch(16, 64) if share < 0.85 else data.batch(4, SIZE)
        x = x.to(memory_format=torch.channels_last)
        loss, mse = loss_of(model, x, 3.0 * max(0.0, 1 - share / 0.4))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.lerp_(mse, max(0.02, 1 / (1 + state.step)))
        state.tick()
        if state.step % 200 == 0:
            state.log(f"psnr {10 * math.log10(4 / float(average)):.2f} dB lr {rate:.1e}")
        state.maybe_save()
    state.save()
    started = time.time()
    psnr = evaluate(model, work, items)
    state.log(f"held-out psnr {psnr:.2f} dB ({time.time() - started:.0f} s)")
    return model


def load(work: Path) -> AutoencoderTiny:
    """The trained autoencoder from ``work/autoencoder.pt``."""
    model = build()
    model.load_state_dict(torch.load(work / "autoencoder.pt", weights_only=True)["model"])
    return model.eval().requires_grad_(False)


@torch.inference_mode()
def evaluate(model: AutoencoderTiny, work: Path, items: list[Item]) -> float:
    """Mean PSNR in dB over the held-out pictures on white, whole pictures."""
    rgba = np.load(work / "rgba.npy", mmap_mode="r")
    values = []
    for i in [i for i, item in enumerate(items) if item.held_out][:128]:
        pixels = rgba[i].astype(np.float32)
        alpha = pixels[..., 3:] / 255
        rgb = pixels[..., :3] * alpha + 250 * (1 - alpha)
        x = torch.from_numpy(rgb).permute(2, 0, 1)[None].div(127.5).sub(1).to(model.device)
        y = model.decoder(model.encoder(x)).clamp(-1, 1)
        values.append(10 * math.log10(4 / float(F.mse_loss(y, x))))
    return sum(values) / len(values)

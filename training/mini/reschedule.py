"""Moves a trained UNet to another noise schedule: the same network, other timesteps.

A UNet reads a timestep only through its time embedding, and a timestep stands for an amount of
noise. On another schedule the same amount has another number; two linear layers are fitted to map
the new number to the embedding of the old one, and nothing else of the network changes.
"""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

ROUNDS, PEAK = 6_000, 3e-3
#: Of the embedding's variance; what bf16 passes move a prediction by is more.
TOLERANCE = 2e-4


def _log_snr(scheduler: DDPMScheduler) -> Tensor:
    alphas = scheduler.alphas_cumprod.double()
    return (alphas / (1 - alphas)).clamp(min=1e-12).log()


def same_noise(old: DDPMScheduler, new: DDPMScheduler) -> Tensor:
    """(steps of ``new``,) fractional timesteps of ``old`` with the same amount of noise.

    Less noise than ``old`` ever had is answered with its timestep 0.
    """
    source, target = _log_snr(old).flip(0), _log_snr(new)  # ascending, for the search
    right = torch.searchsorted(source, target).clamp(1, len(source) - 1)
    low, high = source[right - 1], source[right]
    share = ((target - low) / (high - low)).clamp(0, 1)
    return len(source) - 1 - (right - 1 + share)


def move(net: UNet2DConditionModel, old: DDPMScheduler, new: DDPMScheduler) -> float:
    """Fits ``net.time_embedding`` in place; returns the error, relative to the variance.

    Raises:
        ValueError: the fit is worse than ``TOLERANCE``; the network is unusable then.
    """
    torch.manual_seed(0)
    embed = net.time_embedding.requires_grad_(True)
    now = net.time_proj(torch.arange(len(new.alphas_cumprod)).float())
    with torch.no_grad():
        wanted = embed(net.time_proj(same_noise(old, new).float())).clone()
    optimiser = torch.optim.Adam(embed.parameters(), lr=PEAK)
    cooling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, ROUNDS, eta_min=PEAK / 1000)
    for _ in range(ROUNDS):
        loss = nn.functional.mse_loss(embed(now), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        cooling.step()
    error = float(nn.functional.mse_loss(embed(now), wanted).detach() / wanted.var())
    if not error < TOLERANCE:
        raise ValueError(f"time embedding fitted to {error:.1e}, wanted below {TOLERANCE:.0e}")
    net.requires_grad_(False)
    return error

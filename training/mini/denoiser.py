"""Stage 6: the cloud UNet, on the frozen text encoder.

v-prediction on a zero-terminal-SNR schedule; pooled text in the time embedding
(``addition_embed_type="text"``), without which concepts come several times later.
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from torch import nn

from training.mini import checkpoint, tokenizer
from training.mini import text as reading
from training.mini.captions import caption
from training.mini.catalogue import Item
from training.mini.latents import backgrounds_of
from training.mini.precision import fast

#: Pictures of a step, by kind of device.
BATCH = {"cpu": 32, "cuda": 256}
CAPTION_DROPOUT = 0.10
EMA = 0.999
#: Shown more often: the only pictures that carry age, and the plainest faces.
PORTRAIT_WEIGHT = 3.0


def schedule() -> DDPMScheduler:
    """The pair's one noise schedule: less noise, sooner, than Stable Diffusion's.

    A latent of 16 x 16 has a sixteenth of the positions of one of 64 x 64, so that equal noise in
    each of them hides four times as much of the layout (Hoogeboom et al. 2023, arXiv 2301.11093).
    On Stable Diffusion's betas the first ten of 25 steps ended at a signal-to-noise ratio of 0.15,
    and the cloud had decided next to nothing when the device took over; here they end at 1.1.
    """
    return DDPMScheduler(
        num_train_timesteps=1000, beta_start=0.00001, beta_end=0.001, beta_schedule="scaled_linear",
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing",
        clip_sample=False, steps_offset=0,
    )  # fmt: skip


def unet(
    widths: tuple[int, ...], channels: int, *, groups: int = 32,
    time_embedding_dim: int | None = None,
) -> UNet2DConditionModel:  # fmt: skip
    """A three-level UNet, one layer a block, cross-attention on the two lower levels."""
    return UNet2DConditionModel(
        sample_size=16, in_channels=channels, out_channels=channels, block_out_channels=widths,
        layers_per_block=1, cross_attention_dim=reading.WIDTH,
        attention_head_dim=4,  # the number of heads, whatever its name says
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        addition_embed_type="text", addition_embed_type_num_heads=4,
        norm_num_groups=groups, time_embedding_dim=time_embedding_dim,
    )  # fmt: skip


CLOUD_WIDTHS = (96, 160, 224)


class Ema(nn.Module):
    """Exponential moving average of the parameters of several modules."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.live = [p for m in modules for p in m.parameters()]
        self.shadow = nn.ParameterList(
            nn.Parameter(p.detach().clone(), requires_grad=False) for p in self.live
        )

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(EMA, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.shadow), self.live, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges live and averaged parameters (call twice to restore)."""
        for live, shadow in zip(self.live, self.shadow, strict=True):
            live_data = live.data.clone()
            live.data.copy_(shadow.data)
            shadow.data.copy_(live_data)


def shares(items: list[Item]) -> tuple[list[int], NDArray[np.float64]]:
    """The items that may be seen, and how often each is shown (summing to 1)."""
    keep = [i for i, item in enumerate(items) if not item.held_out]
    portraits = ("person", "child", "elder")
    weights = np.asarray([PORTRAIT_WEIGHT if items[i].concept in portraits else 1.0 for i in keep])
    return keep, weights / weights.sum()


class Examples:
    """Batches of (latents, token ids), captions written anew each time."""

    def __init__(
        self, items: list[Item], latents: NDArray[np.float16], folder: Path, seed: int
    ) -> None:
        self.items, self.latents = items, latents
        self.keep, self.p = shares(items)
        kept = latents[self.keep].astype(np.float32)
        self.scale = float(1 / kept.std())
        self.tokenizer = tokenizer.load(folder)
        self.reseed(seed)

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Scaled latents ``(size, channels, 16, 16)`` and token ids ``(size, 48)``."""
        count = self.latents.shape[1]
        rows, texts = [], []
        for index in self.rng.choice(self.keep, size, p=self.p):
            which = int(self.rng.integers(count))
            i = self.items[index]
            rows.append(self.latents[index, which])
            colour = backgrounds_of(int(index), count)[which]
            text = caption(i.style, i.concept, i.gender, i.age, i.tone, colour, self.words)
            texts.append("" if self.words.random() < CAPTION_DROPOUT else text)
        x = torch.from_numpy(np.stack(rows)).float() * self.scale
        return x, reading.tokens(self.tokenizer, texts)

    def reseed(self, seed: int) -> None:
        """Draws other batches from here on."""
        self.rng, self.words = np.random.default_rng(seed), Random(seed)


def examples(
    items: list[Item], latents: NDArray[np.float16], folder: Path, seed: int, place: torch.device
) -> Any:
    """What a denoiser trains on, where it trains: ``Examples`` or ``bank.Bank``."""
    if place.type == "cpu":
        return Examples(items, latents, folder, seed)
    from training.mini.bank import Bank

    return Bank(items, latents, folder, seed, place)


def loss_weight(snr: torch.Tensor) -> torch.Tensor:
    """Min-SNR (gamma 5) for v-prediction with a floor (Hang et al. 2023, arXiv 2303.09556)."""
    return (snr.clamp(max=5.0) / (snr + 1)).clamp(min=0.2)


def rate(share: float, step: int, peak: float, *, cool_from: float = 0.75) -> float:
    """Warm-up over 100 steps, constant to ``cool_from`` of the time, then cosine to 2 %."""
    cool = max(0.0, (share - cool_from) / (1 - cool_from))
    return peak * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * cool)))


def noised(
    alphas: torch.Tensor, x: torch.Tensor, generator: torch.Generator, *, below: int = 1000
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stratified uniform timesteps, all ``below``; returns (noisy x, t, v target, SNR)."""
    size, place = len(x), x.device
    drawn = torch.rand(size, generator=generator, device=place)
    strata = (torch.arange(size, device=place) + drawn) / size
    order = torch.randperm(size, generator=generator, device=place)
    t = (strata[order] * below).long().clamp(max=below - 1)
    a = alphas[t].view(-1, 1, 1, 1)
    noise = torch.randn(x.shape, generator=generator, device=place)
    return (
        a.sqrt() * x + (1 - a).sqrt() * noise,
        t,
        a.sqrt() * noise - (1 - a).sqrt() * x,
        (a / (1 - a)).flatten(),
    )


def train(
    work: Path, items: list[Item], latents: NDArray[np.float16], *, minutes: float, seed: int = 0,
    on: str = "cpu",
) -> None:  # fmt: skip
    """Trains for ``minutes`` of wall clock in all; writes ``work/cloud.pt`` (resumable).

    ``work/cloud.constant.pt`` keeps the state at the end of the constant rate, from where a
    longer budget can go on.

    Args:
        on: ``cuda`` takes larger batches, in bf16, of captions written in advance.
    """
    torch.manual_seed(seed)
    place = torch.device(on)
    data = examples(items, latents, work / "tokenizer", seed, place)
    text = reading.load(work)[0].to(place)
    net = unet(CLOUD_WIDTHS, latents.shape[2]).to(place)
    ema = Ema([net])
    parameters = list(net.parameters())
    optimiser = torch.optim.AdamW(
        parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    clock = checkpoint.Clock(work / "cloud.pt", minutes * 60)
    clock.resume({"unet": net, "ema": ema, "optimiser": optimiser})
    data.reseed(seed + clock.step)
    generator = torch.Generator(place).manual_seed(seed + clock.step)
    alphas = schedule().alphas_cumprod.to(place)
    average, kept = torch.zeros((), device=place), (work / "cloud.constant.pt").exists()
    while not clock.finished:
        for group in optimiser.param_groups:
            group["lr"] = rate(clock.share, clock.step, 1e-3)
        x, ids = data.batch(BATCH[place.type])
        noisy, t, target, snr = noised(alphas, x, generator)
        with torch.no_grad():
            states = text(ids).last_hidden_state
        with fast(place):
            v = net(noisy, t, states).sample
        error = (v.float() - target).square().mean((1, 2, 3))
        loss = (error * loss_weight(snr)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update(clock.step)
        average.lerp_(error.detach().mean(), max(0.01, 1 / (1 + clock.step)))
        clock.tick()
        if clock.step % 100 == 0:
            clock.log(f"v-loss {float(average):.4f} lr {optimiser.param_groups[0]['lr']:.1e}")
        if not kept and clock.share > 0.74:
            clock.save(work / "cloud.constant.pt")
            kept = True
        clock.maybe_save()
    clock.save()

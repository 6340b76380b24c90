"""Stage 7: the device UNet, cut out of the cloud UNet and distilled from it.

It starts as 12 of 32 groups of the cloud's channels (:mod:`training.mini.prune`) and is taught by
the cloud model's outputs and by what its blocks make, channel by channel (output and feature
distillation as in BK-SDM, arXiv 2305.15798), on the same noise, text and autoencoder. Every state
is shown with its caption and without, and the difference *after guidance* counts as well, because
that is what is drawn. Half the practice is on noised pictures, half on what the cloud really hands
over and the device makes of it (:mod:`training.mini.practice`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTextModel

from training.mini import checkpoint
from training.mini import text as reading
from training.mini.catalogue import Item
from training.mini.denoiser import (
    CLOUD_WIDTHS,
    Ema,
    examples,
    loss_weight,
    noised,
    rate,
    schedule,
    unet,
)
from training.mini.practice import GUIDANCE, Practice
from training.mini.precision import fast
from training.mini.prune import Cut

#: 12 of the cloud's 32 normalisation groups. Finishing from k = 10 needs no more, and a network
#: that could compose as well as the cloud would make the cloud needless.
DEVICE_WIDTHS, DEVICE_GROUPS = (36, 60, 84), 12
#: States of a step, by kind of device; each is seen with its caption and without.
BATCH = {"cpu": 16, "cuda": 128}
PEAK = 2e-3
COOL_FROM = 0.5  # part of the time; nearly all of the last gain comes while the rate falls
#: From this part of the time on it practises finishing alone: timesteps below FINISH, hand-overs of
#: k = 10. A small network is spent on what a device is for; drawing alone it keeps from before.
FINISHING_FROM, FINISH = 0.65, 640
PRACTICE_FROM = 0.1  # part of the time after which its own states join
REFILL_EVERY = 100
FEATURES = 0.1


def device_unet(channels: int) -> UNet2DConditionModel:
    """A fresh device UNet; the time embedding is as wide as the cloud's."""
    return unet(
        DEVICE_WIDTHS, channels, groups=DEVICE_GROUPS, time_embedding_dim=4 * CLOUD_WIDTHS[0]
    )


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
    net = device_unet(channels)
    ema = Ema([net])
    ema.load_state_dict(torch.load(work / "device.pt", weights_only=True)["ema"])
    ema.swap()
    return net.eval().requires_grad_(False)


class Features:
    """What the blocks of a UNet returned in the last pass that was watched."""

    def __init__(self, net: UNet2DConditionModel) -> None:
        self.seen: list[Tensor] = []
        self.watching = False
        for block in (*net.down_blocks, net.mid_block, *net.up_blocks):
            block.register_forward_hook(self._keep)

    def _keep(self, block: nn.Module, given: Any, made: Tensor | tuple[Tensor, Any]) -> None:
        if self.watching:
            self.seen.append(made if isinstance(made, Tensor) else made[0])

    def watch(self) -> None:
        self.seen, self.watching = [], True

    def take(self) -> list[Tensor]:
        self.watching = False
        return self.seen


class Lesson:
    """The distance of the student to its teacher on states with and without their caption."""

    def __init__(
        self, teacher: UNet2DConditionModel, student: UNet2DConditionModel, empty: Tensor,
        *, teacher_bf16: bool = False,
    ) -> None:  # fmt: skip
        self.teacher, self.student, self.empty = teacher, student, empty
        self.teacher_bf16 = teacher_bf16
        self.kept = Cut(teacher, student).features()
        self.of_teacher, self.of_student = Features(teacher), Features(student)

    def __call__(self, x: Tensor, t: Tensor, states: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        """(loss, mean squared distance of v after guidance, relative distance of features)."""
        size = len(x)
        both = torch.cat([states, self.empty.expand(size, -1, -1)])
        x, t = torch.cat([x, x]), torch.cat([t, t])
        self.of_teacher.watch()
        self.of_student.watch()
        with torch.no_grad(), fast(x.device, enabled=self.teacher_bf16):
            target = self.teacher(x, t, both).sample.float()
        with fast(x.device):
            made = self.student(x, t, both).sample
        error = made.float() - target
        cond, empty = error.chunk(2)
        guided = (empty + GUIDANCE * (cond - empty)).square().mean((1, 2, 3))
        plain = error.square().mean((1, 2, 3)).view(2, size).mean(0)
        feature = torch.stack(
            [
                (mine.float() - theirs[:, kept].float()).square().mean()
                / theirs[:, kept].float().square().mean()
                for mine, theirs, kept in zip(
                    self.of_student.take(), self.of_teacher.take(), self.kept, strict=True
                )
            ]
        ).mean()
        loss = ((plain + 0.5 * guided) * weight).mean() + FEATURES * feature
        return loss, guided.detach().mean(), feature.detach()


def train(
    work: Path, items: list[Item], latents: NDArray[np.float16], *, minutes: float, seed: int = 1,
    teacher_bf16: bool = False, on: str = "cpu",
) -> None:  # fmt: skip
    """Distils for ``minutes`` of wall clock in all; writes ``work/device.pt`` (resumable).

    Args:
        on: ``cuda`` takes larger batches of captions written in advance, both models in bf16.
    """
    torch.manual_seed(seed)
    place = torch.device(on)
    data = examples(items, latents, work / "tokenizer", seed, place)
    text, teacher = averaged_cloud(work, latents.shape[2])
    net = device_unet(latents.shape[2])
    Cut(teacher, net).copy()
    text, teacher, net = text.to(place), teacher.to(place), net.to(place)
    net.to(memory_format=torch.channels_last)  # a step of 0.24 s is 0.31 s without, on the CPU
    ema = Ema([net])
    parameters = list(net.parameters())
    optimiser = torch.optim.AdamW(
        parameters, lr=PEAK, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    clock = checkpoint.Clock(work / "device.pt", minutes * 60)
    clock.resume({"unet": net, "ema": ema, "optimiser": optimiser})
    data.reseed(seed + clock.step)
    generator = torch.Generator(place).manual_seed(seed + clock.step)
    alphas = schedule().alphas_cumprod.to(place)
    practice = Practice(work, data, text, teacher, dict(schedule().config), seed=seed + clock.step)
    lesson = Lesson(teacher, net, practice.empty, teacher_bf16=teacher_bf16 or place.type == "cuda")
    means: dict[str, Tensor] = {}
    size = BATCH[place.type]
    while not clock.finished:
        for group in optimiser.param_groups:
            group["lr"] = rate(clock.share, clock.step, PEAK, cool_from=COOL_FROM)
        own = clock.share > PRACTICE_FROM and clock.step % 2 == 1
        finishing = clock.share > FINISHING_FROM
        if own:
            if not practice.pool or clock.step % REFILL_EVERY == 1:
                practice.refill(net, deepest_only=finishing)
            x, t, ids = practice.batch(size)
            snr = (alphas[t] / (1 - alphas[t])).flatten()
        else:
            clean, ids = data.batch(size)
            below = FINISH if finishing else len(alphas)
            x, t, _, snr = noised(alphas, clean, generator, below=below)
        with torch.no_grad():
            states = text(ids).last_hidden_state
        loss, guided, feature = lesson(x, t, states, loss_weight(snr))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update(clock.step)
        kind = "own" if own else "noised"
        now = torch.stack([guided, feature])  # stays where it is: reading it would stop a GPU
        means[kind] = means.get(kind, now).lerp(now, 0.02)
        clock.tick()
        if clock.step % 100 == 0:
            told = " ".join(
                f"{kind} {a:.4f} (features {b:.3f})"
                for kind, (a, b) in ((k, v.tolist()) for k, v in means.items())
            )
            clock.log(f"guided distance: {told} lr {optimiser.param_groups[0]['lr']:.1e}")
        clock.maybe_save()
    clock.save()

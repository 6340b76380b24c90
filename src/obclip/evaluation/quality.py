"""Draws prompts by a method and scores the pictures with the judge.

Prompts of many entries share batches here, which one request never does; the loop is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from obclip.client.device import Device, Sampling
from obclip.diffusion.decode import decode
from obclip.diffusion.sampling import initial_noise, make_scheduler, run
from obclip.errors import RequestError
from obclip.evaluation.benchmark import SCORED
from obclip.evaluation.judge import Judge, Verdict
from obclip.evaluation.metrics import Estimate, accuracy, cluster_bootstrap, frechet, kid

METHODS = ("cloud-only", "hybrid", "device-only")
BATCH = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """One picture to be drawn: the prompt, its noise, and the judge's classes it asks for."""

    prompt: str
    seed: int
    classes: dict[str, str]
    cluster: str


def draw(
    method: str,
    asked: Sequence[Asked],
    cloud: Device,
    device: Device,
    sampling: Sampling,
    split: int,
    *,
    on_done: Callable[[int], None] | None = None,
) -> list[Image.Image]:
    """One picture each. ``cloud`` is the cloud's model with its decoder.

    Raises:
        RequestError: unknown method.
    """
    if method not in METHODS:
        raise RequestError(
            "unknown method", code="bad_method", got=method, expected=", ".join(METHODS)
        )
    upto = {"cloud-only": sampling.steps, "hybrid": split, "device-only": 0}[method]
    out: list[Image.Image] = []
    for i in range(0, len(asked), BATCH):
        batch = asked[i : i + BATCH]
        texts = [a.prompt for a in batch]
        latents = noise(cloud, sampling, [a.seed for a in batch])
        if upto:
            latents = _cloud_steps(cloud, texts, latents, sampling, upto)
        if upto == sampling.steps:
            out += decode(cloud.parts, latents)
        else:  # the wire carries fp16
            sent = latents.half().float().to(device.parts.unet.device)
            out += device.finish(sent, texts, [], sampling, upto)
        if on_done is not None:
            on_done(len(out))
    return out


def noise(model: Device, sampling: Sampling, seeds: Sequence[int]) -> Tensor:
    """Initial latents, one seed a row."""
    parts = model.parts
    solver = make_scheduler(sampling.scheduler, parts.scheduler_config, sampling.steps)
    rows = [
        initial_noise(
            seed, 1, parts.latent_channels, sampling.height, sampling.width, parts.latent_factor
        )
        for seed in seeds
    ]
    return torch.cat(rows) * float(solver.init_noise_sigma)


@torch.inference_mode()
def _cloud_steps(
    cloud: Device, texts: list[str], latents: Tensor, s: Sampling, upto: int
) -> Tensor:
    return run(
        cloud.denoiser, make_scheduler(s.scheduler, cloud.parts.scheduler_config, s.steps),
        latents.to(cloud.parts.unet.device),
        cloud.denoiser.encode(texts, s.height, s.width),
        cloud.denoiser.encode_empty(len(texts), s.height, s.width),
        guidance=s.guidance, start=0, stop=upto,
    )  # fmt: skip


def pixels(pictures: Sequence[Image.Image]) -> Tensor:
    """uint8 (n, 3, h, w)."""
    rows = [np.array(p.convert("RGB")) for p in pictures]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy of the asked-for values by attribute, caption score, distances to real features."""

    attributes: dict[str, Estimate]
    caption: Estimate
    kid: float | None
    frechet: float | None


def score(
    verdict: Verdict, judge: Judge, asked: Sequence[Asked], real: Tensor | None = None
) -> Score:
    """Scores one picture each.

    Args:
        real: features (m, 256) of real renderings by the same judge; None leaves the distances out.
    """
    attributes: dict[str, Estimate] = {}
    for name in SCORED:
        rows = [i for i, a in enumerate(asked) if name in a.classes]
        if rows:
            seen = verdict.values(name)
            attributes[name] = accuracy(
                [seen[i] for i in rows], [asked[i].classes[name] for i in rows],
                [asked[i].cluster for i in rows],
            )  # fmt: skip
    captions = judge.caption_scores(verdict, [a.prompt for a in asked]).tolist()
    return Score(
        attributes,
        cluster_bootstrap(captions, [a.cluster for a in asked]),
        None if real is None else kid(real, verdict.features),
        None if real is None else frechet(real, verdict.features),
    )

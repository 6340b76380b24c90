"""Looks at the pair on held-out combinations: by nearest real rendering, and by contact sheet.

``python -m training.mini.evaluate --work build/mini --out out`` prints a table for cloud-only,
hybrid and device-only, measures the hand-over of the solver, and writes ``heldout.png``. The
nearest rendering is a plain yardstick (mean squared error at 32 px among all real renderings on
the same background); the judge that the project's figures rest on is another one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from obclip.client.device import Device, Sampling
from obclip.diffusion.decode import decode
from obclip.diffusion.denoiser import Conditioning
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Source
from obclip.diffusion.sampling import initial_noise, make_scheduler, run
from training.mini import render
from training.mini.captions import BACKGROUNDS, caption
from training.mini.catalogue import Item
from training.mini.export import TARGET

SMALL = 32


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out combination, asked for with every attribute named."""

    item: int
    background: str
    prompt: str
    seed: int


def questions(items: list[Item], count: int, seed: int) -> list[Question]:
    rng = Random(seed)
    held = [i for i, item in enumerate(items) if item.held_out]
    out = []
    for index in rng.sample(held, min(count, len(held))):
        i, background = items[index], rng.choice(list(BACKGROUNDS))
        text = caption(i.style, i.concept, i.gender, i.age, i.tone, background, rng, complete=True)
        out.append(Question(index, background, text, rng.randrange(2**31)))
    return out


class Nearest:
    """Which real rendering a picture is closest to."""

    def __init__(self, work: Path) -> None:
        self.rgba = np.load(work / "rgba.npy", mmap_mode="r")
        self.cache: dict[str, torch.Tensor] = {}

    def _real(self, background: str) -> torch.Tensor:
        if background not in self.cache:
            rows = [
                self._small(render.on_background(self.rgba[i : i + 256], BACKGROUNDS[background]))
                for i in range(0, len(self.rgba), 256)
            ]
            self.cache[background] = torch.cat(rows)
        return self.cache[background]

    @staticmethod
    def _small(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> torch.Tensor:
        x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
        return F.avg_pool2d(x, render.SIZE // SMALL).flatten(1)

    def of(self, picture: Image.Image, background: str) -> int:
        mine = self._small(np.asarray(picture)[None])
        return int((self._real(background) - mine).square().sum(1).argmin())


def draw(
    method: str,
    asked: list[Question],
    cloud: Device,
    device: Device,
    sampling: Sampling,
    split: int,
) -> list[Image.Image]:
    """Pictures of all questions, batched; cloud-only, hybrid or device-only."""
    out: list[Image.Image] = []
    parts = cloud.parts
    for i in range(0, len(asked), 16):
        batch = asked[i : i + 16]
        texts = [q.prompt for q in batch]
        z = torch.cat(
            [
                initial_noise(q.seed, 1, parts.latent_channels, sampling.height, sampling.width, 8)
                for q in batch
            ]
        )
        upto = {"cloud-only": sampling.steps, "hybrid": split, "device-only": 0}[method]
        with torch.inference_mode():
            if upto:
                solver = make_scheduler(sampling.scheduler, parts.scheduler_config, sampling.steps)
                z = run(
                    cloud.denoiser, solver, z, *_both(cloud, texts, sampling),
                    guidance=sampling.guidance, start=0, stop=upto,
                )  # fmt: skip
            out += (
                decode(parts, z)
                if upto == sampling.steps
                else device.finish(z.half().float(), texts, [], sampling, upto)
            )
    return out


def _both(model: Device, texts: list[str], s: Sampling) -> tuple[Conditioning, Conditioning]:
    return (
        model.denoiser.encode(texts, s.height, s.width),
        model.denoiser.encode([""] * len(texts), s.height, s.width),
    )


def hand_over(cloud: Device, device: Device, asked: list[Question], s: Sampling, split: int) -> str:
    """First-order restart against a solver that keeps its history over the hand-over."""
    texts = [q.prompt for q in asked]
    noise = torch.cat(
        [initial_noise(q.seed, 1, cloud.parts.latent_channels, s.height, s.width, 8) for q in asked]
    )
    with torch.inference_mode():
        kept = make_scheduler("dpm++", cloud.parts.scheduler_config, s.steps)
        z = run(
            cloud.denoiser,
            kept,
            noise,
            *_both(cloud, texts, s),
            guidance=s.guidance,
            start=0,
            stop=split,
        )
        restarted = device.finish_latents(z, texts, [], s, split)
        # the same scheduler object goes on: its past predictions cross the hand-over
        both = Conditioning.join(*reversed(_both(device, texts, s)))
        sent = z
        for step in range(split, s.steps):
            t = kept.timesteps[step]
            u, c = device.denoiser.predict(torch.cat([sent, sent]), t, both).chunk(2)
            sent = kept.step(u + s.guidance * (c - u), t, sent, return_dict=False)[0]
        mse = F.mse_loss(
            device.parts.vae.decode(restarted / device.parts.scaling_factor).sample,
            device.parts.vae.decode(sent / device.parts.scaling_factor).sample,
        )
    return f"mean squared difference of pictures in [-1, 1]: {float(mse):.2e}"


def _share_equal(name: str, found: list[Item], wanted: list[Item]) -> float:
    pairs = zip(found, wanted, strict=True)
    return float(np.mean([getattr(a, name) == getattr(b, name) for a, b in pairs]))


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/mini"))
@click.option("--pair", type=click.Path(path_type=Path), default=TARGET)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out"))
@click.option("--count", default=96, show_default=True)
@click.option("--split", default=10, show_default=True)
@click.option("--guidance", default=2.5, show_default=True)
@click.option("--scheduler", default="dpm++", show_default=True)
@click.option("--sheet", default=64, show_default=True, help="Pictures of heldout.png.")
def main(
    work: Path,
    pair: Path,
    out: Path,
    count: int,
    split: int,
    guidance: float,
    scheduler: str,
    sheet: int,
) -> None:
    items = render.render_all(work / "packages", work)
    asked = questions(items, count, 1)
    cloud = Device(load(Source(str(pair / "cloud"))))
    device = Device(load(Source(str(pair / "device"))))
    side = cloud.parts.side
    sampling = Sampling(scheduler, 25, guidance, side, side)
    nearest = Nearest(work)
    out.mkdir(exist_ok=True)
    for method in ("cloud-only", "hybrid", "device-only"):
        start = time.perf_counter()
        pictures = draw(method, asked, cloud, device, sampling, split)
        seconds = (time.perf_counter() - start) / len(asked)
        found = [items[nearest.of(p, q.background)] for p, q in zip(pictures, asked, strict=True)]
        wanted = [items[q.item] for q in asked]
        scores = " ".join(
            f"{name} {_share_equal(name, found, wanted):.3f}"
            for name in ("style", "concept", "gender", "age", "tone")
        )
        click.echo(f"{method:12} n={len(asked)} {scores}  {seconds:.2f} s a picture")
        rows = [
            np.concatenate([np.asarray(p) for p in pictures[i : i + 16]], 1)
            for i in range(0, sheet, 16)
        ]
        Image.fromarray(np.concatenate(rows, 0)).save(out / f"heldout-{method}.png")
    click.echo("hand-over, " + hand_over(cloud, device, asked[:32], sampling, split))
    (out / "heldout.txt").write_text("\n".join(q.prompt for q in asked[:sheet]) + "\n")


if __name__ == "__main__":
    main()

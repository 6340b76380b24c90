"""``python -m training.judge.train --work build/mini``: trains, calibrates and reports the judge.

Its held-out set is its own (a tenth of the pictures of each style, by another hash than the
generators'), so what the generators may not see it may, and the other way round. Pictures are
varied by background, shift, size, blur and noise, never by the generators' autoencoder, so that
the report "through the autoencoder" is a fair one.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from obclip.evaluation.judge import FOLDER, JudgeNet
from training.mini import autoencoder, checkpoint, render
from training.mini.captions import BACKGROUNDS
from training.mini.catalogue import AGES, CONCEPTS, GENDERS, STYLES, TONES, Item

CLASSES: dict[str, tuple[str, ...]] = {
    "concept": tuple(c.key for c in CONCEPTS),
    "gender": GENDERS,
    "age": AGES,
    "tone": TONES,
    "style": tuple(STYLES),
}
BATCH = 64


def held_out(item: Item) -> bool:
    """The judge's own tenth."""
    digest = hashlib.sha256(f"obclip-judge-split-1|{item.style}|{item.combination}".encode())
    return int.from_bytes(digest.digest()[:4], "big") < 0.10 * 2**32


def labels(items: list[Item]) -> dict[str, Tensor]:
    """Class numbers (n,) by attribute."""
    return {
        name: torch.tensor([values.index(getattr(item, name)) for item in items])
        for name, values in CLASSES.items()
    }


class Pictures:
    """Random views of real renderings, float in [-1, 1]."""

    def __init__(self, work: Path, keep: list[int], seed: int) -> None:
        self.rgba = np.load(work / "rgba.npy", mmap_mode="r")
        self.keep = keep
        self.rng = np.random.default_rng(seed)
        self.colours = np.asarray(list(BACKGROUNDS.values()), dtype=np.float32)

    def batch(self, size: int) -> tuple[Tensor, list[int]]:
        picks = [self.keep[i] for i in self.rng.integers(0, len(self.keep), size)]
        rows = [self._view(self.rgba[i].astype(np.float32)) for i in picks]
        x = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2) / 127.5 - 1
        if self.rng.random() < 0.5:
            side = int(self.rng.integers(48, 128))
            x = F.interpolate(x, size=side, mode="area")
            x = F.interpolate(x, size=render.SIZE, mode="bilinear")
        x = x + torch.randn_like(x) * float(self.rng.uniform(0, 0.1))
        return x.clamp(-1, 1), picks

    def _view(self, pixels: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        dy, dx = self.rng.integers(-6, 7, 2)
        pixels = np.roll(pixels, (dy, dx), (0, 1))
        colour = self.colours[self.rng.integers(len(self.colours))] + self.rng.normal(0, 8, 3)
        alpha = pixels[..., 3:] / 255
        mixed = pixels[..., :3] * alpha + colour * (1 - alpha)
        return np.clip(mixed + self.rng.normal(0, 4, 3), 0, 255).astype(np.float32)


def plain(work: Path, index: list[int], background: str = "gray") -> Tensor:
    """uint8 pictures (n, 3, 128, 128) of items on one background."""
    rgba = np.load(work / "rgba.npy", mmap_mode="r")
    pixels = np.stack([render.on_background(rgba[i], BACKGROUNDS[background]) for i in index])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


@torch.inference_mode()
def logits_of(net: JudgeNet, pictures: Tensor) -> dict[str, Tensor]:
    parts = [net(chunk.float() / 127.5 - 1)[1] for chunk in pictures.split(64)]
    return {name: torch.cat([p[name] for p in parts]) for name in CLASSES}


def temperature(logits: Tensor, wanted: Tensor) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017)."""
    grid = torch.logspace(-1, 1, 41)
    losses = [float(F.cross_entropy(logits / t, wanted)) for t in grid]
    return float(grid[int(np.argmin(losses))])


@torch.inference_mode()
def report(net: JudgeNet, work: Path, items: list[Item]) -> None:
    """Accuracy on the judge's held-out renderings, by style, and through the autoencoder."""
    held = [i for i, item in enumerate(items) if held_out(item)]
    pictures = plain(work, held)
    coder = autoencoder.load(work)
    blurred = torch.cat(
        [
            ((coder.decoder(coder.encoder(c.float() / 127.5 - 1)).clamp(-1, 1) + 1) * 127.5)
            .round()
            .to(torch.uint8)
            for c in pictures.split(64)
        ]
    )
    wanted = labels([items[i] for i in held])
    for title, batch in (("renderings", pictures), ("through the autoencoder", blurred)):
        found = logits_of(net, batch)
        right = {name: (found[name].argmax(1) == wanted[name]).float() for name in CLASSES}
        shown = " ".join(f"{name} {float(r.mean()):.4f}" for name, r in right.items())
        click.echo(f"{title}, n={len(held)}: {shown}")
        for s, style in enumerate(STYLES):
            of = wanted["style"] == s
            shown = " ".join(f"{name} {float(r[of].mean()):.4f}" for name, r in right.items())
            click.echo(f"  {style}, n={int(of.sum())}: {shown}")


def train(work: Path, items: list[Item], *, minutes: float, seed: int = 3) -> JudgeNet:
    """Trains for ``minutes`` of wall clock in all; writes ``work/judge.pt`` (resumable)."""
    torch.manual_seed(seed)
    net = JudgeNet(CLASSES)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05, fused=True)
    clock = checkpoint.Clock(work / "judge.pt", minutes * 60)
    clock.resume({"net": net, "optimiser": optimiser})
    keep = [i for i, item in enumerate(items) if not held_out(item)]
    data = Pictures(work, keep, seed + clock.step)
    truth = labels(items)
    average = 0.0
    while not clock.finished:
        for group in optimiser.param_groups:
            warm = min(1.0, (clock.step + 1) / 50)
            group["lr"] = 2e-3 * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * clock.share)))
        x, picks = data.batch(BATCH)
        _, heads = net(x)
        loss = torch.stack(
            [F.cross_entropy(heads[k], truth[k][picks], label_smoothing=0.02) for k in CLASSES]
        ).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        value = float(loss.detach())
        average = value if average == 0 else 0.98 * average + 0.02 * value
        clock.tick()
        if clock.step % 100 == 0:
            clock.log(f"loss {average:.4f}")
        clock.maybe_save()
    clock.save()
    return net.eval()


def export(net: JudgeNet, work: Path, items: list[Item], folder: Path = FOLDER) -> None:
    """Writes fp16 weights, class names and temperatures."""
    held = [i for i, item in enumerate(items) if held_out(item)]
    found, wanted = logits_of(net, plain(work, held)), labels([items[i] for i in held])
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in net.state_dict().items()},
              folder / "judge.safetensors")  # fmt: skip
    config = {
        "classes": CLASSES,
        "temperatures": {k: round(temperature(found[k], wanted[k]), 4) for k in CLASSES},
    }
    (folder / "judge.json").write_text(json.dumps(config, indent=1) + "\n")


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/mini"))
@click.option("--minutes", default=20.0, show_default=True)
@click.option("--target", type=click.Path(path_type=Path), default=FOLDER)
def main(work: Path, minutes: float, target: Path) -> None:
    torch.set_num_threads(2)
    items = render.render_all(work / "packages", work)
    net = train(work, items, minutes=minutes)
    report(net, work, items)
    export(net, work, items, target)


if __name__ == "__main__":
    main()

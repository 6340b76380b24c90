"""``python -m training.judge.train --work build/mini``: trains, calibrates and reports the judge.

Its held-out set is its own (a tenth of the pictures of each style, by another hash than the
generators'), so what the generators may not see it may, and the other way round. Pictures are
varied by background, shift, size, blur and noise, never by the generators' autoencoder, so that
the report "through the autoencoder" is a fair one. The image-text side learns from the same views
and captions of them, with a symmetric contrastive loss (Radford et al. 2021) in which every picture
that a caption is true of counts.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import astuple
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from obclip.evaluation.judge import FOLDER, JudgeNet
from obclip.evaluation.reader import Words
from training.mini import autoencoder, checkpoint, render, tokenizer
from training.mini.captions import BACKGROUNDS, Said, caption_and_said
from training.mini.catalogue import AGES, CONCEPTS, STYLES, TONES, Item

CLASSES: dict[str, tuple[str, ...]] = {
    "concept": tuple(c.key for c in CONCEPTS),
    "gender": ("woman", "man"),
    "age": AGES,
    "tone": TONES,
    "style": tuple(STYLES),
}
BATCH = 64
#: A picture without this attribute: no loss, no score.
NONE = -100
CAPTION_WEIGHT = 0.25


def held_out(item: Item) -> bool:
    """The judge's own tenth."""
    digest = hashlib.sha256(f"obclip-judge-split-1|{item.style}|{item.combination}".encode())
    return int.from_bytes(digest.digest()[:4], "big") < 0.10 * 2**32


def labels(items: list[Item]) -> dict[str, Tensor]:
    """Class numbers (n,) by attribute; ``NONE`` for the gender of a picture that shows none."""
    return {
        name: torch.tensor(
            [values.index(v) if (v := getattr(item, name)) in values else NONE for item in items]
        )
        for name, values in CLASSES.items()
    }


def captions(items: list[Item], colours: list[str], rng: Random) -> tuple[list[str], Tensor]:
    """One caption a picture, and which pictures (n captions, n pictures) each is true of."""
    texts, told = [], []
    for item, colour in zip(items, colours, strict=True):
        text, said = caption_and_said(
            item.style, item.concept, item.gender, item.age, item.tone, colour, rng
        )
        texts.append(text)
        told.append(said)

    def holds(said: Said, item: Item, colour: str) -> bool:
        seen = (item.style, item.concept, item.gender, item.age, item.tone, colour)
        return all(
            s in (None, "unspecified") or s == v for s, v in zip(astuple(said), seen, strict=True)
        )

    true = [[holds(s, i, c) for i, c in zip(items, colours, strict=True)] for s in told]
    return texts, torch.tensor(true)


def contrastive(images: Tensor, texts: Tensor, scale: Tensor, true: Tensor) -> Tensor:
    """Symmetric cross-entropy; the probability is shared by all that is true."""
    logits = images @ texts.T * scale.exp().clamp(max=100)
    share = true.T.float()  # (pictures, captions)
    rows = share / share.sum(1, keepdim=True)
    columns = share / share.sum(0, keepdim=True)
    return (F.cross_entropy(logits, rows) + F.cross_entropy(logits.T, columns.T)) / 2


class Pictures:
    """Random views of real renderings, float in [-1, 1]."""

    def __init__(self, work: Path, keep: list[int], seed: int) -> None:
        self.rgba = np.load(work / "rgba.npy", mmap_mode="r")
        self.keep = keep
        self.rng = np.random.default_rng(seed)
        self.colours = np.asarray(list(BACKGROUNDS.values()), dtype=np.float32)

    def batch(self, size: int) -> tuple[Tensor, list[int], list[str]]:
        """Pictures (size, 3, 128, 128), their items and the names of their backgrounds."""
        picks = [self.keep[i] for i in self.rng.integers(0, len(self.keep), size)]
        colours = self.rng.integers(0, len(self.colours), size)
        rows = [
            self._view(self.rgba[i].astype(np.float32), self.colours[c])
            for i, c in zip(picks, colours, strict=True)
        ]
        x = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2) / 127.5 - 1
        if self.rng.random() < 0.5:
            side = int(self.rng.integers(48, 128))
            x = F.interpolate(x, size=side, mode="area")
            x = F.interpolate(x, size=render.SIZE, mode="bilinear")
        x = x + torch.randn_like(x) * float(self.rng.uniform(0, 0.1))
        names = list(BACKGROUNDS)
        return x.clamp(-1, 1), picks, [names[c] for c in colours]

    def _view(self, pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        dy, dx = self.rng.integers(-6, 7, 2)
        pixels = np.roll(pixels, (dy, dx), (0, 1))
        colour = colour + self.rng.normal(0, 8, 3)
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
    losses = [float(F.cross_entropy(logits / t, wanted, ignore_index=NONE)) for t in grid]
    return float(grid[int(np.argmin(losses))])


def calibration_error(logits: Tensor, wanted: Tensor, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins of confidence (Guo et al. 2017)."""
    known = wanted != NONE
    p, found = logits[known].softmax(1).max(1)
    right = (found == wanted[known]).float()
    place = (p * bins).long().clamp(max=bins - 1)
    gaps = [
        float((p[place == b].mean() - right[place == b].mean()).abs() * (place == b).float().mean())
        for b in range(bins)
        if bool((place == b).any())
    ]
    return sum(gaps)


def _scores(found: dict[str, Tensor], wanted: dict[str, Tensor], among: Tensor) -> str:
    shown = []
    for name in CLASSES:
        known = among & (wanted[name] != NONE)
        right = (found[name].argmax(1) == wanted[name])[known].float().mean()
        shown.append(f"{name} {float(right):.4f} (n {int(known.sum())})")
    return " ".join(shown)


@torch.inference_mode()
def retrieval(net: JudgeNet, words: Words, work: Path, items: list[Item], index: list[int]) -> str:
    """How often the true caption is the best of ten, nine of other pictures that it is false of."""
    rng = Random(0)
    pictures = plain(work, index)
    these = [items[i] for i in index]
    texts, true = captions(these, ["gray"] * len(these), rng)
    seen = torch.cat([net(c.float() / 127.5 - 1)[2] for c in pictures.split(64)])
    cosine = seen @ net.text(words.tokens(texts)).T
    wins = []
    for row in range(len(these)):
        false = [j for j in range(len(these)) if not true[j, row]]
        wins.append(float(cosine[row, row] > cosine[row, rng.sample(false, 9)].max()))
    return f"caption is the best of ten: {np.mean(wins):.4f} (n {len(wins)})"


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
    everything = torch.ones(len(held), dtype=torch.bool)
    for title, batch in (("renderings", pictures), ("through the autoencoder", blurred)):
        found = logits_of(net, batch)
        click.echo(f"{title}: {_scores(found, wanted, everything)}")
        for s, style in enumerate(STYLES):
            click.echo(f"  {style}: {_scores(found, wanted, wanted['style'] == s)}")
        errors = []
        for name in CLASSES:
            t = temperature(found[name], wanted[name])
            before = calibration_error(found[name], wanted[name])
            after = calibration_error(found[name] / t, wanted[name])
            errors.append(f"{name} {before:.3f} -> {after:.3f} (T {t:.2f})")
        click.echo("  calibration error: " + " ".join(errors))
    click.echo(retrieval(net, Words(tokenizer.load(work / "tokenizer")), work, items, held))


def train(work: Path, items: list[Item], *, minutes: float, seed: int = 3) -> JudgeNet:
    """Trains for ``minutes`` of wall clock in all; writes ``work/judge.pt`` (resumable)."""
    torch.manual_seed(seed)
    words = Words(tokenizer.load(work / "tokenizer"))
    net = JudgeNet(CLASSES, words.vocabulary)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05, fused=True)
    clock = checkpoint.Clock(work / "judge.pt", minutes * 60)
    clock.resume({"net": net, "optimiser": optimiser})
    keep = [i for i, item in enumerate(items) if not held_out(item)]
    data = Pictures(work, keep, seed + clock.step)
    truth = labels(items)
    rng = Random(seed + clock.step)
    average = 0.0
    while not clock.finished:
        for group in optimiser.param_groups:
            warm = min(1.0, (clock.step + 1) / 50)
            group["lr"] = 2e-3 * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * clock.share)))
        x, picks, colours = data.batch(BATCH)
        _, heads, seen = net(x)
        texts, true = captions([items[i] for i in picks], colours, rng)
        read = net.text(words.tokens(texts))
        attributes = torch.stack(
            [
                F.cross_entropy(heads[k], truth[k][picks], label_smoothing=0.02, ignore_index=NONE)
                for k in CLASSES
            ]
        ).mean()
        matching = contrastive(seen, read, net.scale, true)
        loss = attributes + CAPTION_WEIGHT * matching
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        value = float(loss.detach())
        average = value if average == 0 else 0.98 * average + 0.02 * value
        clock.tick()
        if clock.step % 100 == 0:
            clock.log(f"loss {average:.4f} captions {float(matching.detach()):.4f}")
        clock.maybe_save()
    clock.save()
    return net.eval()


@torch.inference_mode()
def real_features(net: JudgeNet, work: Path, items: list[Item]) -> Tensor:
    """Features (items, 256) of every rendering, each on a background of a fixed random choice."""
    rng, names = Random(0), list(BACKGROUNDS)
    parts = []
    for start in range(0, len(items), 64):
        index = range(start, min(start + 64, len(items)))
        pictures = torch.cat([plain(work, [i], rng.choice(names)) for i in index])
        parts.append(net(pictures.float() / 127.5 - 1)[0])
    return torch.cat(parts)


def export(net: JudgeNet, work: Path, items: list[Item], folder: Path = FOLDER) -> None:
    """Writes fp16 weights, class names and temperatures."""
    held = [i for i, item in enumerate(items) if held_out(item)]
    found, wanted = logits_of(net, plain(work, held)), labels([items[i] for i in held])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.load(work / "tokenizer").save_pretrained(folder / "tokenizer")
    save_file({k: v.half().contiguous() for k, v in net.state_dict().items()},
              folder / "judge.safetensors")  # fmt: skip
    save_file({"features": real_features(net, work, items).half()}, folder / "real.safetensors")
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

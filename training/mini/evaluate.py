"""Measures the pair with the judge: ``python -m training.mini.evaluate --out out``.

Cloud-only, hybrid and device-only on the benchmark's held-out combinations (each prompt as its
user would ask it), a contact sheet of random benchmark prompts, and the hand-over of the solver.
Writes ``quality.json`` and ``sheet.png``.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from random import Random

import click
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from obclip.client.device import Device, Sampling
from obclip.diffusion.denoiser import Conditioning
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Source
from obclip.diffusion.sampling import make_scheduler, run
from obclip.evaluation import quality
from obclip.evaluation.benchmark import Case, case, entries
from obclip.evaluation.judge import FOLDER, Judge
from obclip.evaluation.quality import Asked
from training.mini.export import TARGET

SMALL = 64


def own(found: Case) -> Asked:
    """The entry as its user asks for it."""
    entry = found.entry
    return Asked(entry.prompt, entry.seed, found.asked[found.own], entry.prompt)


def hand_over(cloud: Device, device: Device, asked: list[Asked], s: Sampling, split: int) -> str:
    """First-order restart against a solver that keeps its history over the hand-over."""
    texts = [a.prompt for a in asked]
    start = quality.noise(cloud, s, [a.seed for a in asked]).to(cloud.parts.unet.device)
    with torch.inference_mode():
        kept = make_scheduler(s.scheduler, cloud.parts.scheduler_config, s.steps)
        cond = cloud.denoiser.encode(texts, s.height, s.width)
        empty = cloud.denoiser.encode_empty(len(texts), s.height, s.width)
        sent = run(
            cloud.denoiser, kept, start, cond, empty, guidance=s.guidance, start=0, stop=split
        )
        restarted = device.finish_latents(sent, texts, [], s, split)
        # the same scheduler object goes on: its past predictions cross the hand-over
        both = Conditioning.join(
            device.denoiser.encode_empty(len(texts), s.height, s.width),
            device.denoiser.encode(texts, s.height, s.width),
        )
        for step in range(split, s.steps):
            t = kept.timesteps[step]
            u, c = device.denoiser.predict(torch.cat([sent, sent]), t, both).chunk(2)
            sent = kept.step(u + s.guidance * (c - u), t, sent, return_dict=False)[0]
        mse = F.mse_loss(
            device.parts.vae.decode(restarted / device.parts.scaling_factor).sample,
            device.parts.vae.decode(sent / device.parts.scaling_factor).sample,
        )
    return f"mean squared difference of pictures in [-1, 1]: {float(mse):.2e}"


def sheet(rows: dict[str, list[Image.Image]], across: int = 10) -> Image.Image:
    """Pictures side by side, one strip of every method below the other, in blocks."""
    count = len(next(iter(rows.values())))
    lines = -(-count // across)
    label, gap = 12, 6
    block = label + len(rows) * SMALL + gap
    out = Image.new("RGB", (across * (SMALL + 2), lines * block), "white")
    draw = ImageDraw.Draw(out)
    for line in range(lines):
        draw.text((2, line * block), " / ".join(rows), fill="black")
        for r, pictures in enumerate(rows.values()):
            for c, picture in enumerate(pictures[line * across : (line + 1) * across]):
                out.paste(picture.resize((SMALL, SMALL), Image.Resampling.LANCZOS),
                          (c * (SMALL + 2), line * block + label + r * SMALL))  # fmt: skip
    return out


@click.command()
@click.option("--pair", type=click.Path(path_type=Path), default=TARGET)
@click.option("--judge", "judge_folder", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out"))
@click.option("--count", default=0, show_default=True, help="Held-out prompts; 0 takes all.")
@click.option("--split", default=10, show_default=True)
@click.option("--guidance", default=2.5, show_default=True)
@click.option("--scheduler", default="dpm++", show_default=True)
@click.option("--sheet", "shown", default=100, show_default=True, help="Pictures of sheet.png.")
@click.option("--methods", default=",".join(quality.METHODS), show_default=True)
@click.option("--on", default="cpu", show_default=True, help="Where the pair runs.")
def main(
    pair: Path, judge_folder: Path, out: Path, count: int, split: int, guidance: float,
    scheduler: str, shown: int, methods: str, on: str,
) -> None:  # fmt: skip
    """Prints a table and writes the files."""
    found = [case(e) for e in entries()]
    held = [own(c) for c in found if c.entry.kind == "held-out"]
    held = held[:count] if count else held
    chosen = [own(c) for c in Random(1).sample(found, shown)]
    cloud, device = (
        Device(load(Source(str(pair / name)), device=on)) for name in ("cloud", "device")
    )
    judge, real = Judge.load(judge_folder), Judge.real_features(judge_folder)
    side = cloud.parts.side
    sampling = Sampling(scheduler, 25, guidance, side, side)
    out.mkdir(parents=True, exist_ok=True)
    rows, figures = {}, {}
    for method in methods.split(","):
        start = time.perf_counter()
        pictures = quality.draw(method, held, cloud, device, sampling, split)
        seconds = (time.perf_counter() - start) / len(held)
        result = quality.score(judge(quality.pixels(pictures)), judge, held, real)
        shares = " ".join(f"{name} {e}" for name, e in result.attributes.items())
        click.echo(
            f"{method}: n={len(held)} {shares} caption {result.caption} "
            f"KID {result.kid:.4f} Frechet {result.frechet:.3f}  {seconds:.2f} s a picture"
        )
        figures[method] = asdict(result)
        if shown:
            rows[method] = quality.draw(method, chosen, cloud, device, sampling, split)
    (out / "quality.json").write_text(json.dumps(figures, indent=1) + "\n")
    if shown:
        sheet(rows).save(out / "sheet.png", optimize=True)
        (out / "sheet.txt").write_text("\n".join(a.prompt for a in chosen) + "\n")
    click.echo("hand-over, " + hand_over(cloud, device, held[:32], sampling, split))


if __name__ == "__main__":
    main()

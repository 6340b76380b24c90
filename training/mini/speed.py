"""``python -m training.mini.speed``: seconds of one cloud-only picture, warm, batch 1, by dtype."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click
import torch

from obclip.client.device import Device, Sampling
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Source
from training.mini.export import TARGET

PROMPT = "a noto emoji of a woman doctor with dark skin on a teal background"


@click.command()
@click.option("--pair", type=click.Path(path_type=Path), default=TARGET)
@click.option("--steps", default=25, show_default=True)
@click.option("--repeats", default=7, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(pair: Path, steps: int, repeats: int, threads: int) -> None:
    """Prints the median and the range; the decoder is counted in."""
    torch.set_num_threads(threads)
    for dtype in (torch.float32, torch.bfloat16):
        model = Device(load(Source(str(pair / "cloud")), dtype=dtype))
        side = model.parts.side
        sampling = Sampling("dpm++", steps, 2.5, side, side)
        seconds = []
        for i in range(repeats + 1):
            start = time.perf_counter()
            model.finish(model.noise(sampling, i, 1), [PROMPT], [], sampling, 0)
            seconds.append(time.perf_counter() - start)
        warm = seconds[1:]
        middle, low, high = statistics.median(warm), min(warm), max(warm)
        click.echo(
            f"{dtype}, {steps} steps with guidance, {side} px: "
            f"median {middle:.2f} s ({low:.2f} to {high:.2f}, n {len(warm)})"
        )


if __name__ == "__main__":
    main()

"""``python -m training.mini STAGE``: one stage, or all of them, resumable at any point."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from training.mini import (
    autoencoder,
    denoiser,
    distill,
    fetch,
    latents,
    render,
    restore,
    text,
    tokenizer,
)
from training.mini.captions import BACKGROUNDS

STAGES = ("fetch", "tokenizer", "autoencoder", "text", "latents", "cloud", "device", "export")
#: Each picture is encoded on all of them; latents are scaled by what they are in the mean.
BACKGROUNDS_EACH = len(BACKGROUNDS)


@click.command()
@click.argument("stage", type=click.Choice(["all", "restore", *STAGES]))
@click.option(
    "--work", type=click.Path(path_type=Path), default=Path("build/mini"), show_default=True
)
@click.option("--autoencoder-minutes", default=30.0, show_default=True)
@click.option("--text-minutes", default=4.0, show_default=True)
@click.option("--cloud-minutes", default=180.0, show_default=True)
@click.option("--device-minutes", default=62.0, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option(
    "--teacher-bf16",
    is_flag=True,
    help="The device's teacher computes in bf16 (where that is faster; its error is 4e-5).",
)
@click.option(
    "--on", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
    help="Where models are trained; the text encoder always learns on the CPU.",
)  # fmt: skip
def main(
    stage: str,
    work: Path,
    autoencoder_minutes: float,
    text_minutes: float,
    cloud_minutes: float,
    device_minutes: float,
    threads: int,
    teacher_bf16: bool,
    on: str,
) -> None:
    """Trains the mini pair. Minutes are totals over interruptions, not for each start.

    "restore" lays WORK out from the shipped pair, so that "device" can be trained without the
    stages before it.
    """
    torch.set_num_threads(threads)
    work.mkdir(parents=True, exist_ok=True)
    todo = STAGES if stage == "all" else (stage,)
    if stage == "restore":
        restore.restore(work)
    if {"fetch", "restore"} & set(todo):
        fetch.fetch(work / "packages")
    items = render.render_all(work / "packages", work)
    if "tokenizer" in todo and not (work / "tokenizer").exists():
        tokenizer.train(items, work / "tokenizer")
    if "autoencoder" in todo:
        autoencoder.train(work, items, minutes=autoencoder_minutes, on=on)
    if "text" in todo:
        text.train(work, items, minutes=text_minutes)
    if not {"latents", "cloud", "device", "export"} & set(todo):
        return
    coder = autoencoder.load(work).to(on)
    cache = latents.encode(work, coder, items, BACKGROUNDS_EACH)
    if "cloud" in todo:
        denoiser.train(work, items, cache, minutes=cloud_minutes, on=on)
    if "device" in todo:
        distill.train(work, items, cache, minutes=device_minutes, teacher_bf16=teacher_bf16, on=on)
    if "export" in todo:
        from training.mini import export

        export.export(work, items, cache)


main()

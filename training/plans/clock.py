"""Wall clock of plans: measured seconds as ratios against the predicted ones, in paired runs.

Three parts, each printed as it is measured:

1. the bundled pair, fp32: each named plan and cloud-only in turn, several rounds;
2. a full-size SD-1.x UNet with random weights, bf16: the same with fewer plans and runs, for
   pictures of any side. Cloud-only is timed over a few of its steps, which all cost the same, and
   scaled;
3. the engine at N = 1 and all steps against ``diffusers.StableDiffusionPipeline`` with the same
   weights, in pairs of alternating order.

On CUDA every plan is run whole in fp16, and SDXL's UNet at 1024 px after SD-1.x's.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import click
import torch
from torch import Tensor

from obclip.cloud.cost import counter, plan_cost
from obclip.cloud.engine import Engine, Job
from obclip.cloud.plan import Plan
from obclip.cloud.planner import NAMED, make_plan
from obclip.cloud.seconds import Seconds, calibrate
from obclip.diffusion.architectures import SD1, SDXL
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import find
from obclip.diffusion.sampling import make_scheduler
from training.plans.random_cloud import SMALL, TOKENS, random_engine, with_decoder


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is run: steps of the scaled cloud-only run at full size, rounds, pairs."""

    steps: int
    split: int
    cloud_steps: int
    rounds: int
    pairs: int
    full_pairs: int
    unet: dict[str, Any]


FULL = Scale(25, 10, 5, 3, 9, 3, SD1)
ON_CUDA = Scale(25, 10, 25, 3, 9, 5, SD1)
TINY = Scale(5, 3, 2, 1, 1, 1, SMALL)
#: Plans timed at full size, where a run takes minutes.
FEW = ("exact", "paper-reuse", "balanced", "fast")


def job_of(n: int, side: int, guidance: float) -> Job:
    return Job([f"a person, number {i}" for i in range(n)], (), "dpm++", guidance, side, side, 1, 7)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def plans_on(
    engine: Engine, side: int, guidance: float, sizes: tuple[int, ...], names: Sequence[str],
    scale: Scale, cloud_steps: int, rounds: int, known: Seconds | None = None,
) -> Seconds:  # fmt: skip
    """A table of one set: FLOPs, predicted and measured seconds, each as a ratio to cloud-only.

    Returns:
        The calibration: what ``known`` held, and what it lacked.
    """
    parts, n = engine.parts, prod(sizes)
    cells = side // parts.latent_factor
    tokens = int(parts.tokenizers[0].model_max_length) if parts.tokenizers else TOKENS
    count = counter(dict(parts.unet.config), cells, cells, tokens)
    alone = make_plan("exact", 1, scale.steps, cloud_steps, None, parts.schedule)
    whole = scale.steps / cloud_steps
    made: dict[str, Plan] = {
        name: make_plan(name, n, scale.steps, scale.split, sizes, parts.schedule) for name in names
    }
    runs: dict[str, list[float]] = {name: [] for name in ("cloud-only", *made)}
    engine.run(job_of(1, side, guidance), make_plan("exact", 1, scale.steps, 1))  # warm
    rows = max(2, min(engine.batch, 2 * n))
    for plan in [alone, *made.values()]:
        known = calibrate(
            parts.unet, plan, cells, cells, tokens, rows=rows, runs=min(2, rounds), known=known
        )
    assert known is not None  # noqa: S101 cloud-only is always there
    expected = whole * known.of(alone, batch=engine.batch)
    for _ in range(rounds):
        runs["cloud-only"].append(
            whole * timed(lambda: engine.run(job_of(1, side, guidance), alone))
        )
        for name, plan in made.items():
            runs[name].append(timed(lambda p=plan: engine.run(job_of(n, side, guidance), p)))  # type: ignore[misc]
    cloud = statistics.median(runs["cloud-only"])
    click.echo(f"\nN = {n} ({' x '.join(map(str, sizes))}), cloud-only {cloud:.2f} s, predicted "
               f"{expected:.2f} s")  # fmt: skip
    click.echo("| plan | FLOPs | predicted seconds | measured seconds | measured / predicted |")
    click.echo("|---|---|---|---|---|")
    for name, plan in made.items():
        ratio = plan_cost(plan, count).ratio
        guess = known.of(plan, batch=engine.batch) / expected
        took = [s / c for s, c in zip(runs[name], runs["cloud-only"], strict=True)]
        middle = statistics.median(took)
        click.echo(
            f"| {name} | {ratio:.3f} | {guess:.3f} | {middle:.3f} ({min(took):.3f} to "
            f"{max(took):.3f}) | {middle / ratio:.2f} of FLOPs, {middle / guess:.2f} of seconds |"
        )
    return known


def against_diffusers(
    engine: Engine, side: int, guidance: float, steps: int, pairs: int
) -> None:  # fmt: skip
    """The engine at N = 1, all steps, and the pipeline on the same weights, in pairs."""
    from diffusers import StableDiffusionPipeline

    parts = engine.parts
    job = job_of(1, side, guidance)
    plan = make_plan("exact", 1, steps, steps, None, parts.schedule)
    text = engine.denoiser.encode(job.prompts, side, side)
    empty = engine.denoiser.encode_empty(1, side, side)
    asked: dict[str, Any] = {"prompt_embeds": text.states, "negative_prompt_embeds": empty.states}
    if parts.text_encoders:  # both encode the prompt, then
        asked = {"prompt": job.prompts[0]}
    pipe = StableDiffusionPipeline(
        vae=parts.vae, unet=parts.unet,
        text_encoder=parts.text_encoders[0] if parts.text_encoders else None,
        tokenizer=parts.tokenizers[0] if parts.tokenizers else None,
        scheduler=make_scheduler("dpm++", parts.scheduler_config, steps), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)

    def theirs() -> Tensor:
        found: Tensor = pipe(
            **asked, height=side, width=side, num_inference_steps=steps,
            guidance_scale=guidance, output_type="latent",
            generator=torch.Generator("cpu").manual_seed(job.seed),
        ).images  # fmt: skip
        return found

    ours = engine.run(job, plan)[0]
    far = float((ours - theirs().float().cpu()).norm() / ours.norm())
    took = []
    for i in range(pairs):  # whoever goes first may find the caches warm
        if i % 2:
            a = timed(lambda: engine.run(job, plan))
            b = timed(theirs)
        else:
            b = timed(theirs)
            a = timed(lambda: engine.run(job, plan))
        took.append((a, b))
    ratios = [a / b for a, b in took]
    click.echo(
        f"engine {statistics.median(a for a, _ in took):.3f} s, StableDiffusionPipeline "
        f"{statistics.median(b for _, b in took):.3f} s, {steps} steps with guidance at {side} px; "
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}, "
        f"{pairs} pairs); the results differ by {far:.1e}"
    )


def measure(pair_name: str, *, side: int, tiny: bool, on: str = "cpu") -> None:
    """Prints all three parts.

    Args:
        side: of the full-size UNet's pictures, in pixels.
        tiny: small models and few steps, to see that it runs.
        on: ``cpu`` or ``cuda``.
    """
    whole = ON_CUDA if on == "cuda" else FULL
    scale, full_side = (TINY, 64) if tiny else (whole, side)
    names = list(NAMED)
    pair = find(pair_name)
    warnings.simplefilter("ignore")  # of the pipeline, about a schedule that it takes as it is
    where = torch.cuda.get_device_name() if on == "cuda" else f"{torch.get_num_threads()} threads"
    click.echo(f"{where}, torch {torch.__version__}")
    click.echo(f"\n## {pair.name}, fp32, {scale.rounds} rounds")
    bundled = Engine(load(pair.cloud, vae=True, device=on), batch=32)
    side = bundled.parts.side
    for sizes in ((2,), (2, 3), (2, 3, 5)) if not tiny else ((2, 3),):
        plans_on(bundled, side, pair.guidance, sizes, names, scale, scale.steps, scale.rounds)
    click.echo("\nthe engine and diffusers")
    against_diffusers(bundled, side, pair.guidance, scale.steps, scale.pairs)
    del bundled
    if on == "cuda":
        _on_cuda(scale, full_side, names)
        return
    click.echo(f"\n## SD-1.x architecture, random weights, bf16, {full_side} px, one run a plan; "
               f"cloud-only scaled from {scale.cloud_steps} of {scale.steps} steps")  # fmt: skip
    full = random_engine(scale.unet, torch.bfloat16)
    found = plans_on(full, full_side, 7.5, (2,), FEW, scale, scale.cloud_steps, 1)
    plans_on(full, full_side, 7.5, (2, 3), FEW[2:], scale, scale.cloud_steps, 1, found)
    click.echo("\nthe engine and diffusers")
    against_diffusers(with_decoder(full), full_side, 7.5, 2, scale.full_pairs)


def _on_cuda(scale: Scale, side: int, names: Sequence[str]) -> None:
    """SD-1.x at ``side`` px and against diffusers, then SDXL at 1024 px; both whole, in fp16.

    Calls are calibrated anew for each N: a few rows leave a GPU idle and say nothing of many.
    """
    click.echo(f"\n## SD-1.x architecture, random weights, fp16, {side} px, {scale.rounds} rounds")
    engine = random_engine(scale.unet, torch.float16, "cuda")
    for sizes in ((2,), (2, 3), (2, 3, 5)):
        plans_on(engine, side, 7.5, sizes, names, scale, scale.cloud_steps, scale.rounds)
    click.echo("\nthe engine and diffusers")
    against_diffusers(with_decoder(engine), side, 7.5, scale.steps, scale.full_pairs)
    del engine
    click.echo("\n## SDXL architecture, random weights, fp16, 1024 px, one round")
    engine = random_engine(SDXL, torch.float16, "cuda")
    engine.batch = 16
    for sizes in ((2,), (2, 2), (2, 3)):
        plans_on(engine, 1024, 5.0, sizes, FEW, scale, scale.cloud_steps, 1)

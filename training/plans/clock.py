"""Wall clock of plans: measured seconds as ratios against the predicted ones, in paired runs.

Three parts, each printed as it is measured:

1. the bundled pair, fp32: each named plan and cloud-only in turn, several rounds;
2. a full-size SD-1.x UNet with random weights, bf16: the same with fewer runs. Cloud-only is timed
   over a few of its steps, which all cost the same, and scaled;
3. the engine at N = 1 and all steps against ``diffusers.StableDiffusionPipeline`` with the same
   weights, in pairs of alternating order.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import click
import torch
from torch import Tensor

from obclip.cloud.cost import counter, plan_cost
from obclip.cloud.engine import Engine, Job
from obclip.cloud.plan import Plan
from obclip.cloud.planner import NAMED, make_plan
from obclip.cloud.seconds import calibrate
from obclip.diffusion.architectures import SD1
from obclip.diffusion.denoiser import Conditioning
from obclip.diffusion.loading import Parts, load, quiet
from obclip.diffusion.pairs import find
from obclip.diffusion.sampling import make_scheduler

TOKENS = 77
SCHEDULE = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "steps_offset": 1, "timestep_spacing": "leading",
    "clip_sample": False, "set_alpha_to_one": False, "prediction_type": "epsilon",
}  # fmt: skip
#: A UNet of the same kind that runs in no time.
SMALL = {**SD1, "block_out_channels": (32, 32, 64, 64), "sample_size": 8, "attention_head_dim": 2}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is run: sides in pixels, steps of the scaled cloud-only run, rounds, pairs."""

    steps: int
    split: int
    side: int
    cloud_steps: int
    rounds: int
    pairs: int
    full_pairs: int
    unet: dict[str, Any]


FULL = Scale(25, 10, 512, 5, 3, 9, 3, SD1)
TINY = Scale(5, 3, 64, 2, 1, 1, 1, SMALL)


class Texts:
    """A denoiser's text side with made-up states: the UNet's time does not depend on the words."""

    def __init__(self, unet: Any) -> None:
        self.unet = unet

    def encode(self, prompts: Sequence[str], height: int, width: int) -> Conditioning:
        torch.manual_seed(0)
        states = torch.randn(len(prompts), TOKENS, self.unet.config.cross_attention_dim)
        return Conditioning(states.to(self.unet.dtype))

    def encode_empty(self, times: int, height: int, width: int) -> Conditioning:
        return self.encode([""] * times, height, width)

    def predict(self, latents: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
        out: Tensor = self.unet(
            latents.to(self.unet.dtype), timestep, encoder_hidden_states=cond.states,
            return_dict=False,
        )[0]  # fmt: skip
        return out


def random_engine(config: dict[str, Any], dtype: torch.dtype) -> Engine:
    """A cloud with random weights and no text encoder."""
    from diffusers import UNet2DConditionModel

    quiet()
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        unet = UNet2DConditionModel.from_config(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    vae = {"_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512]}
    parts = Parts(
        "random weights", "StableDiffusionPipeline", unet, (), (), None, vae, dict(SCHEDULE)
    )
    engine = Engine(parts, batch=32)
    engine.denoiser = Texts(unet)  # type: ignore[assignment]
    return engine


def job_of(n: int, side: int, guidance: float) -> Job:
    return Job([f"a person, number {i}" for i in range(n)], (), "dpm++", guidance, side, side, 1, 7)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plans_on(
    engine: Engine, side: int, guidance: float, sizes: tuple[int, ...], names: Sequence[str],
    scale: Scale, cloud_steps: int, rounds: int,
) -> None:  # fmt: skip
    """A table of one set: FLOPs, predicted and measured seconds, each as a ratio to cloud-only."""
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
    base = calibrate(parts.unet, alone, cells, cells, tokens, rows=2, runs=2)
    expected = whole * base.of(alone, batch=engine.batch)
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
        rows = max(2, min(engine.batch, 2 * n))
        found = calibrate(parts.unet, plan, cells, cells, tokens, rows=rows, runs=2)
        guess = found.of(plan, batch=engine.batch) / expected
        took = [s / c for s, c in zip(runs[name], runs["cloud-only"], strict=True)]
        middle = statistics.median(took)
        click.echo(
            f"| {name} | {ratio:.3f} | {guess:.3f} | {middle:.3f} ({min(took):.3f} to "
            f"{max(took):.3f}) | {middle / ratio:.2f} of FLOPs, {middle / guess:.2f} of seconds |"
        )


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
    far = float((ours - theirs().float()).norm() / ours.norm())
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


def measure(pair_name: str, *, tiny: bool) -> None:
    """Prints all three parts. ``tiny``: small models and few steps, to see that it runs."""
    scale = TINY if tiny else FULL
    names = list(NAMED)
    pair = find(pair_name)
    warnings.simplefilter("ignore")  # of the pipeline, about a schedule that it takes as it is
    click.echo(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    click.echo(f"\n## {pair.name}, fp32, {scale.rounds} rounds")
    bundled = Engine(load(pair.cloud, vae=True), batch=32)
    side = bundled.parts.side
    for sizes in ((2,), (2, 3), (2, 3, 5)) if not tiny else ((2, 3),):
        plans_on(bundled, side, pair.guidance, sizes, names, scale, scale.steps, scale.rounds)
    click.echo("\nthe engine and diffusers")
    against_diffusers(bundled, side, pair.guidance, scale.steps, scale.pairs)
    del bundled
    click.echo(f"\n## SD-1.x architecture, random weights, bf16, {scale.side} px, one run a plan; "
               f"cloud-only scaled from {scale.cloud_steps} of {scale.steps} steps")  # fmt: skip
    full = random_engine(scale.unet, torch.bfloat16)
    plans_on(full, scale.side, 7.5, (2,), names, scale, scale.cloud_steps, 1)
    plans_on(full, scale.side, 7.5, (2, 3), ["balanced", "fast"], scale, scale.cloud_steps, 1)
    click.echo("\nthe engine and diffusers")
    few = min(3, scale.steps)
    against_diffusers(replace_vae(full), scale.side, 7.5, few, scale.full_pairs)


def replace_vae(engine: Engine) -> Engine:
    """The pipeline asks for a decoder, if only to know its factor; latents are not decoded."""
    from diffusers import AutoencoderKL

    widths = engine.parts.vae_config["block_out_channels"]
    vae = AutoencoderKL(
        block_out_channels=tuple(32 for _ in widths), norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
    )  # fmt: skip
    engine.parts = replace(engine.parts, vae=vae)
    return engine

"""``obclip generate``: one command to a picture."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from obclip.cli._options import FILE, profile_with, progress

if TYPE_CHECKING:
    from PIL import Image

    from obclip.client.errand import Errand
    from obclip.client.generate import Result
    from obclip.client.profile import Profile
    from obclip.privacy import CandidateSet, Expansion


@click.command("generate")
@click.argument("prompt")
@click.option("-o", "--output", type=FILE, default=Path("picture.png"), show_default=True)
@click.option("--protect", metavar="A,B", help="Attributes to protect instead of the default set.")
@click.option("--negative", metavar="TEXT", help="Negative prompt; part of the template.")
@click.option("--strict", type=float, metavar="P", help="Refuse if a guess above P is possible.")
@click.option("--server", metavar="URL", help="A cloud; without one, a local one is started.")
@click.option("--pair", metavar="NAME", help="Model pair, or CLOUD,DEVICE as folders or hub ids.")
@click.option("--steps", type=int, help="Denoising steps T.  [default: 25]")
@click.option("--split", type=int, help="Steps k that the cloud runs.  [default: 10]")
@click.option("--plan", metavar="NAME", help="How the cloud shares work among candidates.")
@click.option("--scheduler", metavar="NAME", help="dpm++ or ddim; where the cloud has its own, "
              "the device's.  [default: dpm++]")  # fmt: skip
@click.option("--guidance", type=float, help="Guidance scale.  [default: the pair's]")
@click.option("--size", "side", type=int, help="Side of the picture in pixels.")
@click.option("--seed", type=int, help="Repeat a picture on this device.")
@click.option("--n", "images", type=int, default=1, show_default=True, help="Pictures to draw.")
@click.option("--show-cloud", type=FILE, help="Also write all N pictures the cloud could make.")
@click.option("--device-only", is_flag=True, help="Draw on this device alone; opens no socket.")
@click.option("--no-privacy", is_flag=True, help="Send the prompt as it is, alone.")
@click.option("--profile", "profile_file", type=FILE, help="Profile (TOML).")
@click.option("--quiet", is_flag=True, help="Write the picture and say nothing.")
def command(
    prompt: str, output: Path, protect: str | None, negative: str | None, strict: float | None,
    server: str | None, pair: str | None, steps: int | None, split: int | None,
    plan: str | None, scheduler: str | None, guidance: float | None, side: int | None,
    seed: int | None, images: int, show_cloud: Path | None, device_only: bool,
    no_privacy: bool, profile_file: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Draw PROMPT. The cloud sees a closed set of prompts and cannot tell which one is yours."""
    from obclip.client.errand import Errand
    from obclip.client.output import check_target
    from obclip.diffusion.pairs import find

    profile = profile_with(
        profile_file, protect=protect, strict=strict, server=server, pair=pair, steps=steps,
        split=split, plan=plan, scheduler=scheduler, guidance=guidance, side=side,
    )  # fmt: skip
    if device_only and (no_privacy or show_cloud or server):
        raise click.UsageError(
            "--device-only involves no cloud: leave out --no-privacy, --show-cloud and --server."
        )
    for file in (output, *([show_cloud] if show_cloud else [])):
        check_target(file)
    if show_cloud and show_cloud.resolve() in [
        f.resolve() for f in (output, *_files(output, images))
    ]:
        raise click.UsageError(
            f"--output and --show-cloud are one file ({show_cloud}); give each a name of its own."
        )
    profile.public.check(images)
    own = find(profile.public.pair).cloud_steps
    if split is not None and own is not None and split != own.split:
        raise click.UsageError(
            f"--split is {own.split} (of {own.steps} {own.scheduler} steps) for this pair, whose "
            "cloud has steps of its own: leave it out."
        )
    if device_only:
        _draw_here(prompt, negative, profile, seed, images, output, quiet=quiet)
        return
    expansion = _expand(prompt, negative, profile, no_privacy=no_privacy)

    def told() -> None:  # whatever comes of it, that cloud will have seen the set
        if profile.server is not None:
            from obclip.cli._meter import remember

            remember(profile.server, expansion)

    with Errand(fresh=seed is None, on_send=told) as errand:
        result = _draw(expansion, profile, seed, images, errand, quiet=quiet)
        written = _write(output, result.pictures)
        if show_cloud is not None:
            _write_sheet(show_cloud, expansion.candidates, result, profile)
        errand.done()
    if not quiet:
        from obclip.cli import _story

        _story.tell(
            expansion, result.report, profile.public, written, local=profile.server is None,
            no_privacy=no_privacy, show_cloud=show_cloud,
        )  # fmt: skip


def _expand(prompt: str, negative: str | None, profile: Profile, *, no_privacy: bool) -> Expansion:
    from obclip.errors import ProfileError
    from obclip.privacy import expand, unprotected

    if no_privacy:
        _refuse_unreadable(prompt, negative)
        return unprotected(prompt, negative)
    if not profile.privacy.protected():
        raise ProfileError(
            "this profile protects nothing", code="no_protection", got="no attributes",
            expected="at least one", action="name some with --protect, or say --no-privacy",
        )  # fmt: skip
    expansion = expand(prompt, profile.privacy, negative)
    if profile.privacy.strict is not None:
        from obclip.privacy.leakage import report, strict

        strict(report(expansion), profile.privacy.strict)
    return expansion


def _refuse_unreadable(prompt: str, negative: str | None) -> None:
    from obclip.errors import PromptRefused

    if not prompt.strip():
        raise PromptRefused("empty_prompt", "the prompt is empty")
    try:
        f"{prompt} {negative or ''}".encode()
    except UnicodeEncodeError:
        raise PromptRefused(
            "bad_character", "the prompt is not text", hint=("write it in UTF-8",)
        ) from None


def _draw(
    expansion: Expansion, profile: Profile, seed: int | None, images: int, errand: Errand,
    *, quiet: bool,
) -> Result:  # fmt: skip
    from obclip.client.local_cloud import LocalCloud
    from obclip.client.profile import local_key
    from obclip.privacy.seed import fresh_seed, noise_seed

    number = fresh_seed() if seed is None else noise_seed(seed, local_key())
    with ExitStack() as stack:
        server = profile.server
        cloud = None
        if server is None:
            # started before torch is imported in this process, so that both load at once
            cloud = stack.enter_context(LocalCloud(profile.public.pair))
        from obclip.client.generate import generate

        on_stage = stack.enter_context(progress(quiet=quiet))
        return generate(
            expansion, profile.public, lambda: server or (cloud.address if cloud else ""),
            seed=number, images=images, on_stage=on_stage, errand=errand,
            key=os.environ.get("OBCLIP_API_KEY") if server else None,
        )  # fmt: skip


def _draw_here(
    prompt: str, negative: str | None, profile: Profile, seed: int | None, images: int,
    output: Path, *, quiet: bool,
) -> None:  # fmt: skip
    from obclip.cli import _story
    from obclip.client.generate import generate_on_device
    from obclip.client.profile import local_key
    from obclip.privacy.seed import device_seed, fresh_seed

    _refuse_unreadable(prompt, negative)
    number = fresh_seed() if seed is None else device_seed(seed, local_key())
    with progress(quiet=quiet) as on_stage:
        result = generate_on_device(
            prompt.strip(), negative, profile.public, seed=number, images=images,
            on_stage=on_stage,
        )  # fmt: skip
    written = _write(output, result.pictures)
    if not quiet:
        _story.tell_device_only(result.report, written)


def _files(output: Path, count: int) -> list[Path]:
    """``out.png``, or ``out-1.png``, ``out-2.png``, ... for several."""
    if count < 2:
        return [output]
    return [output.with_name(f"{output.stem}-{i}{output.suffix}") for i in range(1, count + 1)]


def _write(output: Path, pictures: list[Image.Image]) -> list[Path]:
    from obclip.client.output import write_png

    files = _files(output, len(pictures))
    for file, picture in zip(files, pictures, strict=True):
        write_png(file, picture)
    return files


def _write_sheet(file: Path, candidates: CandidateSet, result: Result, profile: Profile) -> None:
    from obclip.client.device import Device
    from obclip.client.generate import drawn_by_the_cloud
    from obclip.client.output import write_png
    from obclip.client.sheet import contact_sheet
    from obclip.diffusion.pairs import find

    with result.report.timed("contact sheet"):
        model = Device.of(find(profile.public.pair).cloud)
        pictures = drawn_by_the_cloud(candidates, result.answer, model)
        write_png(file, contact_sheet(pictures, candidates.prompts))

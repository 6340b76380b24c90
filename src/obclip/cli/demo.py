"""``obclip demo``: the main job once, and the proof that the cloud could not tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from obclip.cli._options import FILE, progress

if TYPE_CHECKING:
    from obclip.evaluation.noninterference import Verdict

PROMPT = "a noto emoji of a woman doctor with dark skin on a teal background"


@click.command("demo")
@click.option("--output", type=FILE, default=Path("out"), show_default=True, help="Folder.")
@click.option("--prompt", default=PROMPT, show_default=True)
@click.option("--seed", type=int, help="Repeat a picture on this device.")
def command(output: Path, prompt: str, seed: int | None) -> None:
    """Draw one picture privately and show, side by side, what the cloud saw."""
    from obclip.cli import _page, _story
    from obclip.client.local_cloud import LocalCloud
    from obclip.client.output import check_target, write_bytes, write_png
    from obclip.client.profile import Profile, local_key
    from obclip.errors import OutputError
    from obclip.privacy import expand, fresh_seed, noise_seed

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("no folder to write to", got=f"{output} ({error.strerror})") from None
    page, sheet, picture = (output / n for n in ("demo.html", "demo.png", "picture.png"))
    for file in (page, sheet, picture):
        check_target(file, suffixes=(".html", ".png"))

    profile = Profile()
    expansion = expand(prompt, profile.privacy)
    number = fresh_seed() if seed is None else noise_seed(seed, local_key())
    with LocalCloud(profile.public.pair) as cloud, progress() as on_stage:
        from obclip.client.device import Device
        from obclip.client.generate import drawn_by_the_cloud, generate
        from obclip.diffusion.pairs import find

        result = generate(
            expansion, profile.public, lambda: cloud.address, seed=number, on_stage=on_stage
        )
        cloud.stop()
        with result.report.timed("what the cloud could draw"):
            pictures = drawn_by_the_cloud(
                expansion.candidates, result.answer,
                Device.of(find(profile.public.pair).cloud),
            )  # fmt: skip
    from obclip.evaluation.noninterference import check, true_prompt_first

    asked = result.answer.asked
    kept = check(expansion, profile.privacy, asked, number)
    caught = check(expansion, profile.privacy, asked, number, true_prompt_first)
    write_png(picture, result.pictures[0])
    story = _page.Story(
        prompt=expansion.normalised, picture=result.pictures[0], pictures=tuple(pictures),
        prompts=expansion.candidates.prompts, report=result.report, public=profile.public,
        kept=kept, caught=caught,
    )  # fmt: skip
    write_bytes(page, _page.html(story).encode())
    write_png(sheet, _page.poster(story))
    _story.tell(
        expansion, result.report, profile.public, [picture], local=True, no_privacy=False,
        show_cloud=sheet,
    )  # fmt: skip
    click.echo(f"Page: {page}")
    _verdict(kept, caught)


def _verdict(kept: Verdict, caught: Verdict) -> None:
    n = len(kept.members)
    _line(kept.holds, f"each of the {n} prompts as the true one gives the same request bytes "
                      f"({kept.distinct} distinct hash)")  # fmt: skip
    _line(not caught.holds, f"a leaking client (true prompt first) is caught by the same check "
                            f"({caught.distinct} distinct hashes)")  # fmt: skip
    if not kept.holds or caught.holds:
        raise click.exceptions.Exit(1)


def _line(good: bool, text: str) -> None:
    click.secho(("PASS  " if good else "FAIL  ") + text, fg="green" if good else "red")

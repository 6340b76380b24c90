"""Says what happened: the set, the cost, the bytes, the seconds, and what was not hidden."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from obclip.client.download import Report
    from obclip.client.profile import Public
    from obclip.privacy import Expansion

_SHOWN = 12


def tell(
    expansion: Expansion,
    report: Report,
    public: Public,
    written: list[Path],
    *,
    local: bool,
    no_privacy: bool,
    show_cloud: Path | None,
) -> None:
    """The end of ``obclip generate``, on standard output."""
    candidates = expansion.candidates
    n = len(candidates.prompts)
    if no_privacy:
        click.secho("Sent without protection, as you asked: the cloud saw your prompt.", fg="red")
    elif n == 1:
        click.echo("Nothing in this prompt is protected: the cloud saw it as it is.")
    else:
        click.secho(f"The cloud saw {n} prompts and cannot tell which one is yours:", bold=True)
        for prompt in candidates.prompts[:_SHOWN]:
            click.echo(f"  {prompt}")
        if n > _SHOWN:
            click.echo(f"  ... and {n - _SHOWN} more (obclip expand shows all)")
    click.echo(
        f"It ran {report.steps[0]} of {report.steps[1]} steps for each, plan {public.plan}: "
        f"{report.ratio:.2f} times the work of one ordinary generation."
    )
    click.echo(
        f"Sent {report.bytes_up:,} bytes, received {report.bytes_down:,}; connection closed, "
        "then one was chosen here."
    )
    _seconds(report)
    if local:
        click.secho(
            "The cloud was a process on this machine: a demonstration, not privacy. "
            "Use --server for a real one.", fg="yellow",
        )  # fmt: skip
    if show_cloud is not None:
        click.echo(f"What the cloud could draw: {show_cloud}")
    _files(written)


def tell_device_only(report: Report, written: list[Path]) -> None:
    """The end of ``obclip generate --device-only``."""
    click.echo("Drawn on this device alone; nothing was sent.")
    _seconds(report)
    _files(written)


def _seconds(report: Report) -> None:
    parts = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    cloud = f", local cloud {child:.0f} MB" if child else ""
    click.echo(f"Time: {parts}. Peak memory: this process {peak:.0f} MB{cloud}.")


def _files(written: list[Path]) -> None:
    click.secho(f"Picture: {', '.join(str(file) for file in written)}", fg="green")

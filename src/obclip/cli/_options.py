"""What several commands share: the profile with the command line's overrides, and progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.client.download import OnStage
    from obclip.client.profile import Profile

FILE = click.Path(dir_okay=True, path_type=Path)


def profile_with(
    file: Path | None, *, protect: str | None = None, strict: float | None = None, **public: Any
) -> Profile:
    """The profile, with every option that was given put in its place."""
    from obclip.client.profile import load_profile

    profile = load_profile(file)
    server = public.pop("server", None)
    given = {name: value for name, value in public.items() if value is not None}
    profile = replace(profile, public=replace(profile.public, **given))
    if protect is not None:
        names = tuple(name.strip() for name in protect.split(",") if name.strip())
        profile = replace(profile, privacy=replace(profile.privacy, protect=names))
    if strict is not None:
        profile = replace(profile, privacy=replace(profile.privacy, strict=strict))
    if server is not None:
        profile = replace(profile, server=server)
    return profile


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[OnStage]:
    """Progress bars on standard error, one a stage; none when quiet or not on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=console, disable=quiet or not console.is_terminal,
    )  # fmt: skip
    tasks: dict[str, Any] = {}

    def on_stage(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total or None)
        bars.update(tasks[stage], completed=done, total=total or None)

    with bars:
        yield on_stage

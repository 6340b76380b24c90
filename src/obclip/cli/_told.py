"""Progress of a long run: a bar on a terminal, a line a minute where there is none (a log file)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

#: Called with (done, in all).
OnDone = Callable[[int, int], None]
EVERY = 60.0


@contextmanager
def told(what: str, *, quiet: bool = False) -> Iterator[OnDone]:
    """Reports on standard error, with the time that is left at the pace so far."""
    import sys

    from obclip.cli._options import progress

    if quiet or sys.stderr.isatty():
        with progress(quiet=quiet) as bars:
            yield lambda done, total: bars(what, done, total)
        return
    yield Lines(what)


class Lines:
    """One line a minute, the first at once, the last at the end."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.what, self.clock = what, clock
        self.begun: tuple[float, int] | None = None
        self.said = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = self.clock()
        if self.begun is None:
            self.begun = (now, done)
        elif now - self.said < EVERY and done < total:
            return
        self.said = now
        start, first = self.begun
        left = ""
        if first < done < total:
            minutes = (now - start) / (done - first) * (total - done) / 60
            left = f", about {minutes:.0f} min left"
        click.echo(f"{self.what}: {done} of {total}{left}", err=True)

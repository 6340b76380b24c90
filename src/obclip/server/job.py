"""One candidate set on its way through the server: what is known of it at any time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from obclip.errors import ObclipError
from obclip.protocol.messages import Progress

OVER = frozenset({"done", "failed", "cancelled"})


@dataclass(slots=True, eq=False)
class Job:
    """A job without its request, which the backend alone holds, and only while it runs.

    Attributes:
        id: SHA-256 of the request's bytes; ``key`` is unique to this attempt.
        size: bytes of the answer, reserved from the start.
        ticket: of the booking (``Accounts.charge``); 0 for none.
        units: what it is charged.
        came, began, ended, expires: seconds of the monotonic clock.
        watchers: called at each change of state, from any thread.
    """

    id: str
    tenant: str
    key: str
    steps: int
    ratio: float = 0.0
    size: int = 0
    ticket: int = 0
    units: int = 0
    state: str = "queued"
    step: int = 0
    answer: bytes | None = None
    error: ObclipError | None = None
    came: float = field(default_factory=time.monotonic)
    began: float = 0.0
    ended: float = 0.0
    expires: float = math.inf
    fetched: bool = False
    unwanted: bool = False
    watchers: set[Callable[[], None]] = field(default_factory=set)

    def progress(self) -> Progress:
        return Progress(state=self.state, step=self.step, steps=self.steps)

    @property
    def over(self) -> bool:
        return self.state in OVER

    def tell(self) -> None:
        """Calls those who wait for a change of state."""
        for watcher in list(self.watchers):
            watcher()

"""How long the device waits, how often it tries again, and the clock that ends everything.

Protects: nothing here has seen the set or the choice; a server can decide when a device gives up,
and learns from that what it did itself. Does not protect: that a device waits at all is seen.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

#: What the network's middlemen answer when the cloud behind them is away.
AWAY = frozenset({502, 504})
#: What a cloud answers that has no room now.
BUSY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and counts; the same for every prompt and every member of a set.

    Attributes:
        connect, silence: longest wait for a connection, and for the next byte.
        total: longest time a cloud may hold the device, however steadily bytes drip.
        first_retries: tries more while no cloud has ever answered (a wrong address is told soon).
        retries: tries more once it has (it may be starting again).
        backoff: waits between tries; the last one is repeated.
        busy: how long a cloud may answer that it is busy.
        longest_wait: most of a ``Retry-After`` that is waited at a time.
    """

    connect: float = 5.0
    silence: float = 60.0
    total: float = 1800.0
    first_retries: int = 4
    retries: int = 8
    backoff: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
    busy: float = 300.0
    longest_wait: float = 30.0

    def pause(self, attempt: int, headers: Mapping[str, str] | None = None) -> float:
        """Seconds before the next try; a server may ask for more, never for less."""
        asked = retry_after(headers.get("retry-after", "")) if headers is not None else 0.0
        return max(self.backoff[min(attempt, len(self.backoff) - 1)], min(asked, self.longest_wait))


DEFAULT = Patience()


def retry_after(text: str) -> float:
    """Seconds that a ``Retry-After`` asks for; 0 for one that cannot be read."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


class Clock:
    """Shuts every socket of a connection once its whole time is up.

    A timeout between bytes is not enough: a server that sends one byte a minute, were it in a
    header, would hold the device for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._expired = False
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    @property
    def expired(self) -> bool:
        return self._expired or time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds that remain, 0 or more."""
        return max(0.0, self._end - time.monotonic())

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """For httpx's ``trace`` extension: learns of each socket as it is made."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            found = info["return_value"].get_extra_info("socket")
            if found is not None:
                self._sockets.add(found)

    def stop(self) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        for each in list(self._sockets):
            # the plain socket's own: TLS's would first take the lock a reader holds
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

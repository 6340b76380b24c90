"""One errand to a cloud, remembered until its picture is written: the same bytes after a crash.

A run that asks for no seed draws a fresh one; run again after a crash it would send another
request for the same set. So the seed is noted before anything is sent, under the hash of the set,
and taken up by the next run of that set, whichever member is the user's then. A refusal, a bad
answer and a stop by hand forget it: a repeat on purpose is a new picture.

Protects: what is kept and looked up is a function of the set alone. Does not protect: see cache.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from obclip.client.cache import MAX_SECONDS, ResultCache
from obclip.errors import TransportError


def _locks() -> Any:
    try:
        return importlib.import_module("fcntl")
    except ModuleNotFoundError:  # no POSIX: a crash then costs a second request
        return None


class Errand:
    """Used as a context manager around one generation; ``done()`` once its picture is written."""

    def __init__(
        self, cache: ResultCache | None = None, *, fresh: bool = True,
        on_send: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """``fresh``: the user named no seed, so that an unfinished run's may be taken up.

        ``on_send`` is called when the set is about to leave, and not for an answer kept here.
        """
        self.on_send = on_send
        self.cache = cache or ResultCache()
        self._fresh = fresh
        self._name: str | None = None
        self._kept = False
        self._lock: int | None = None
        self._seed_file: str | None = None

    def request(self, build: Callable[[int], bytes], seed: int) -> bytes:
        """The request to send: with ``seed``, or with that of a run that a crash ended.

        Args:
            build: the request's bytes for a seed; sees the set, not the choice.
        """
        from obclip.protocol.codec import request_id  # late: a local cloud starts meanwhile

        if self._fresh:
            seed = self._take_up(request_id(build(0)), seed)
        data = build(seed)
        self._name = request_id(data)
        return data

    def answer(self) -> bytes | None:
        """The answer to that request, if a crash left one."""
        return None if self._name is None else self.cache.get(self._name)

    def keep(self, answer: bytes) -> None:
        """Keeps the answer until ``done``."""
        if self._name is not None:
            self._kept = self.cache.put(self._name, answer)

    def done(self) -> None:
        """Forgets the errand."""
        if self._name is not None:
            self.cache.drop(self._name)
        if self._seed_file is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._seed_file)  # noqa: PTH108 held by name
        self._unlock()

    def __enter__(self) -> Errand:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        mends = isinstance(error, TransportError) or (self._kept and isinstance(error, Exception))
        if error is not None and not mends:
            self.done()
        self._unlock()

    def _take_up(self, set_id: str, seed: int) -> int:
        """The noted seed of a run that is no more; else notes this one.

        Holds a lock on the note, so that two runs at once of one set never draw the same picture.
        """
        locks = _locks()
        if locks is None or not self.cache.prepare():
            return seed
        file = self.cache.seed_file(set_id)
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return seed
        try:
            locks.flock(handle, locks.LOCK_EX | locks.LOCK_NB)
            told = os.fstat(handle)
            noted = os.read(handle, 32).decode("ascii", "replace")
            old = time.time() - told.st_mtime > MAX_SECONDS
            if noted.endswith("\n") and noted[:-1].isdecimal() and not old:
                seed = int(noted)
            else:
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{seed}\n".encode(), 0)
        except OSError:  # another run holds it, or the disk is full
            os.close(handle)
            return seed
        self._lock, self._seed_file = handle, str(file)
        return seed

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

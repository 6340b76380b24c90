"""A cloud in a process of its own: the product's own command, started, killed and started again."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300.0


class CloudProcess:
    """``obclip serve`` with the options given, on one port through all its lives."""

    def __init__(self, options: list[str], log: Path, *, port: int = 0) -> None:
        self.options, self.log, self.port = options, log, port
        self.lives = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def pid(self) -> int:
        return -1 if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts it; ``wait`` says when it serves."""
        command = [sys.executable, "-m", "obclip", "serve", "--port", str(self.port), *self.options]
        self.lives += 1
        with self.log.open("ab") as said:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=said, cwd=ROOT, start_new_session=True
            )

    def wait(self) -> None:
        """Returns once it serves.

        Raises:
            RuntimeError: it ended, or did not serve in time; the log says why.
        """
        process, end = self._process, time.monotonic() + START_SECONDS
        if process is None or process.stdout is None:
            raise RuntimeError("the cloud was not started")
        while time.monotonic() < end:
            if not select.select([process.stdout], [], [], 0.5)[0]:
                continue
            line = process.stdout.readline()
            if found := re.match(rb"ready https?://.*:(\d+)", line):
                self.port = int(found[1])
                return
            if not line:
                break
        self.kill()
        raise RuntimeError(f"the cloud did not start; see {self.log}")

    def kill(self) -> None:
        """``kill -9``, of the whole group."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def stop(self, seconds: float = 30.0) -> None:
        """Asks it to end, and ends it if it does not."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            self.kill()

    def full_disk(self, *, full: bool) -> None:
        """Lets no file of it grow, or lets it again: what a full disk is to its database.

        Not of its children: Python ignores the signal that comes with this limit, while Ray's own
        daemons die of it, which a full disk does not do to them.
        """
        soft = 0 if full else resource.RLIM_INFINITY
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def memory(self) -> int:
        """Resident bytes of the cloud and its children."""
        total = 0
        for pid in self._family():
            with contextlib.suppress(psutil.Error):
                total += psutil.Process(pid).memory_info().rss
        return total

    def _family(self) -> list[int]:
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.pid).children(recursive=True)
            return [self.pid, *(child.pid for child in children)]
        return []

    def __enter__(self) -> CloudProcess:
        self.start()
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

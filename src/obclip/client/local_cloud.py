"""A cloud in a process of its own on this machine's loopback: a demonstration, not privacy."""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import time
from types import TracebackType

from obclip.errors import ServerError

START_SECONDS = 120.0


class LocalCloud:
    """Starts ``obclip serve`` on a free port; ends with this process, however that ends.

    The child reads a pipe that only this process holds: when it closes, the child stops.
    """

    def __init__(self, pair: str, *, threads: int = 0) -> None:
        command = [
            sys.executable, "-m", "obclip", "serve", "--pair", pair, "--port", "0",
            "--until-stdin-closes", "--threads", str(threads),
        ]  # fmt: skip
        # a file, not a pipe: nobody reads along, and a full pipe would stop the child
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 closed in stop()
        self._process = subprocess.Popen(  # noqa: S603 our own program, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )  # fmt: skip
        self._address: str | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> str:
        """Waits until the cloud listens; its address.

        Raises:
            ServerError: it did not start; the last line it said is told.
        """
        if self._address is None:
            self._address = self._wait()
        return self._address

    def _wait(self) -> str:
        out = self._process.stdout
        if out is None:
            raise ServerError("the local cloud has no output to read", code="local_cloud")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ready, _, _ = select.select([out], [], [], 0.2)
            if not ready:
                continue
            line = out.readline().decode("utf-8", "replace").strip()
            if line.startswith("ready "):
                return line.removeprefix("ready ")
            if not line:
                break
        self._process.kill()
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace").strip().splitlines()
        if said and said[-1].startswith("Error ("):  # it knows what is wrong
            raise ServerError("the local cloud did not start", code="local_cloud", got=said[-1])
        raise ServerError(
            "the local cloud did not start", code="local_cloud",
            got=said[-1][:300] if said else "no answer in time",
            expected="`obclip serve` to run here",
            action="install obclip[server], or use --server or --device-only",
        )  # fmt: skip

    def stop(self) -> None:
        """Ends the child; waits for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()  # it holds nothing that an orderly end would save
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

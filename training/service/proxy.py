"""A TCP proxy that cuts, truncates, slows or duplicates connections, and notes what clients sent.

It stands between a device and a cloud and understands no HTTP but the request line. Faults are
plain data, so that a trial can be told and repeated. One event loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: Told the path of each request as it passes, before it is forwarded.
OnRequest = Callable[[str], None]
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to connections.

    Attributes:
        kind: ``none``, ``cut`` (reset), ``truncate`` (an orderly end), ``slow``, ``duplicate``
            (the cloud gets every byte a second time, on a connection of its own).
        after: bytes of the answer that pass before a cut or an end; 0 cuts before the answer.
        rate: bytes a second, when slow.
        connections: how many connections meet the fault; the rest pass.
    """

    kind: str = "none"
    after: int = 0
    rate: float = 0.0
    connections: int = 1


@dataclass
class Seen:
    """What passed: the bytes of each connection's client, and how many met the fault."""

    sent: list[bytearray] = field(default_factory=list)
    faults: int = 0


class Proxy:
    """Forwards to ``(host, port)`` until closed."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.fault, self.seen = Fault(), Seen()
        self.on_request: OnRequest = lambda path: None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="fault-proxy")
        self.port = 0
        self._thread.start()
        self._ready.wait(10)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arm(self, fault: Fault, on_request: OnRequest = lambda path: None) -> Seen:
        """A fault for the connections from now on; what they send is in the answer."""
        self.fault, self.seen, self.on_request = fault, Seen(), on_request
        return self.seen

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client's."""
        fault, seen, on_request = self.fault, self.seen, self.on_request
        if fault.kind != "none" and seen.faults < fault.connections:
            seen.faults += 1
        else:
            fault = Fault()
        sent = bytearray()
        seen.sent.append(sent)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.target)
        except OSError:
            _reset(writer)
            return
        copy = await _copy_of(self.target) if fault.kind == "duplicate" else None
        up = asyncio.ensure_future(_up(reader, up_writer, copy, sent, fault, on_request))
        down = asyncio.ensure_future(_down(up_reader, writer, fault))
        try:
            _, pending = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up in pending:
                up.cancel()
            else:  # the client has ended its side; the answer may still be on its way
                await asyncio.wait({down}, timeout=30)
                down.cancel()
        finally:
            for each in (up_writer, copy, writer):
                if each is not None:
                    with contextlib.suppress(Exception):
                        each.close()


async def _copy_of(target: tuple[str, int]) -> asyncio.StreamWriter | None:
    """A second connection, whose answers nobody reads but the drain."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(*target)
        asyncio.ensure_future(_drain(reader))  # noqa: RUF006 ends with its socket
        return writer
    return None


async def _drain(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(_CHUNK):
            pass


async def _up(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
    copy: asyncio.StreamWriter | None, sent: bytearray, fault: Fault, on_request: OnRequest,
) -> None:  # fmt: skip
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            sent += data
            for path in _paths(data):
                on_request(path)
            if copy is not None:
                with contextlib.suppress(OSError):
                    copy.write(data)
            await _write(writer, data, fault)
        writer.write_eof()


async def _down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault) -> None:
    left = fault.after if fault.kind in ("cut", "truncate") else None
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            if left is not None and len(data) >= left:
                writer.write(data[:left])
                await writer.drain()
                if fault.kind == "cut":
                    _reset(writer)
                return
            left = None if left is None else left - len(data)
            await _write(writer, data, fault)


async def _write(writer: asyncio.StreamWriter, data: bytes, fault: Fault) -> None:
    if fault.kind != "slow":
        writer.write(data)
        await writer.drain()
        return
    step = max(1, int(fault.rate / 20))
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
        await writer.drain()
        await asyncio.sleep(step / fault.rate)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closing with no time to linger resets the connection."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _paths(data: bytes) -> Iterator[str]:
    for line in data.split(b"\r\n"):
        words = line.split(b" ")
        if len(words) == 3 and words[2] == b"HTTP/1.1":
            yield words[1].decode("ascii", "replace")


def requests(seen: Seen) -> tuple[list[bytes], list[bytes]]:
    """(whole requests, torn ones) of what clients sent, heads included."""
    whole, torn = [], []
    for sent in seen.sent:
        rest = bytes(sent)
        while rest:
            head, found, after = rest.partition(b"\r\n\r\n")
            length = _length(head)
            if not found or len(after) < length:
                torn.append(rest)
                break
            whole.append(head + found + after[:length])
            rest = after[length:]
    return whole, torn


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


@contextmanager
def proxied(target: tuple[str, int]) -> Iterator[Proxy]:
    """A running proxy."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()

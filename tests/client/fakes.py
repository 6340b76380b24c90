"""A server between the device and a real cloud that records all it receives and may cheat."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@dataclass
class Answer:
    """What is about to be sent back; ``length`` is the one claimed, if another."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    reset: bool = False
    hang: bool = False


Cheat = Callable[[str, str, Answer], Answer]
STAGES = ("models", "generations", "progress", "latents")


def stage(path: str) -> str:
    return path.rpartition("/")[2]


@dataclass
class Fake:
    """``received`` is every request as it came over the socket: line, headers, body."""

    address: str
    received: list[bytes]

    def paths(self) -> list[str]:
        return [stage(r.split(b" ")[1].decode()) for r in self.received]


@contextmanager
def between(cloud: str, cheat: Cheat = lambda _, __, answer: answer) -> Iterator[Fake]:
    """A running fake before ``cloud`` (which may be "" for a server that is no cloud)."""
    received: list[bytes] = []
    over = threading.Event()
    onward = httpx.Client(verify=False, trust_env=False, timeout=30)  # noqa: S501 loopback

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            head = f"{self.requestline}\n{self.headers}".encode()
            received.append(head + body)
            out = Answer(200, b"<html><body>Welcome!</body></html>")
            if cloud:
                real = onward.request(self.command, cloud + self.path, content=body)
                out = Answer(real.status_code, real.content)
            out = cheat(self.command, self.path, out)
            if out.hang:
                over.wait(30)
            if out.reset or out.hang:
                # closing with no time to linger resets the connection
                option = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
                self.close_connection = True
                return
            self.send_response(out.status)
            for name, value in out.headers.items():
                self.send_header(name, value)
            length = len(out.body) if out.length is None else out.length
            self.send_header("content-length", str(length))
            self.end_headers()
            self.wfile.write(out.body)
            if length != len(out.body):
                self.close_connection = True

        do_GET = do_POST = do_DELETE = do_PUT = answer  # noqa: N815 the library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Fake(f"http://127.0.0.1:{server.server_port}", received)
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
        onward.close()


def at(where: str, **changes: Any) -> Cheat:
    """Changes the answer of one stage; a callable value gets the honest body."""

    def cheat(method: str, path: str, answer: Answer) -> Answer:
        if stage(path) == where:
            for name, value in changes.items():
                setattr(answer, name, value(answer.body) if callable(value) else value)
        return answer

    return cheat


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

"""The edge of HTTP: what has no end, comes too slowly or is no HTTP is refused in one form."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from obclip.protocol import limits
from obclip.protocol.codec import decode
from obclip.protocol.messages import ErrorBody
from obclip.server.wire import MAX_HEAD_BYTES
from tests.server.test_run import process
from tests.wire import MARKER, body

LINE = b"GET /health HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with process(read_seconds=1.0) as (_, url):
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


def said(address: tuple[str, int], *parts: bytes, pause: float = 0.0) -> bytes:
    """All that comes back before the server ends the connection."""
    out = b""
    with socket.create_connection(address, timeout=60) as wire:
        try:
            for part in parts:
                wire.sendall(part)
                time.sleep(pause)
        except OSError:  # it has been cut while we were still sending
            pass
        try:
            while data := wire.recv(1 << 16):
                out += data
        except ConnectionResetError:
            pass
    return out


def refusal(answer: bytes) -> tuple[int, ErrorBody]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert MARKER.encode() not in answer
    assert b"connection: close" in head.lower()
    return int(head.split(b" ")[1]), decode(body, ErrorBody, limits.MAX_ERROR_BYTES)


@pytest.mark.parametrize(
    "garbage",
    [
        f"{MARKER}\r\n\r\n".encode(),
        b"GET /health HTTP/9.9\r\n\r\n",
        b"BREW /health HTTP/1.1\r\n\r\n",
        b"POST /v1/generations HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/generations HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a server that has none
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_so(address: tuple[str, int], garbage: bytes) -> None:
    status, told = refusal(said(address, garbage))
    assert (status, told.code, told.expected) == (400, "bad_http", "HTTP/1.1")


@pytest.mark.parametrize(
    "parts",
    [
        [LINE + b"x: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n"],
        [LINE] + [b"x%d: %s\r\n" % (i, b"y" * 1000) for i in range(1000)],
        [LINE + b"x: "] + [b"y" * 65536] * 400,
        [b"GET /" + b"y" * (MAX_HEAD_BYTES + 1) + b" HTTP/1.1\r\n\r\n"],
    ],
    ids=["one chunk", "many headers", "an endless value", "a long path"],
)
def test_a_head_has_a_cap(address: tuple[str, int], parts: list[bytes]) -> None:
    answer = said(address, *parts)
    # while the rest of it is still on its way, the end may be a reset that overtakes the answer
    if len(parts) == 1 or answer:
        status, told = refusal(answer)
        assert (status, told.code) == (431, "head_too_large")
        assert told.expected == f"at most {MAX_HEAD_BYTES}"


def test_a_head_under_the_cap_is_read(address: tuple[str, int]) -> None:
    big = b"x: " + b"y" * (MAX_HEAD_BYTES - 200) + b"\r\nconnection: close\r\n\r\n"
    assert said(address, LINE + big).startswith(b"HTTP/1.1 200")
    assert said(address, LINE, big).startswith(b"HTTP/1.1 200")


def test_a_head_that_drips_is_cut_and_so_is_silence(address: tuple[str, int]) -> None:
    begun = time.monotonic()
    status, told = refusal(said(address, LINE, *[b"x" for _ in range(15)], pause=0.1))
    assert (status, told.code) == (408, "slow")
    assert said(address) == b""
    assert said(address, b"\r\n") == b""
    assert time.monotonic() - begun < 50


def test_the_next_request_of_a_connection_is_held_to_the_same(address: tuple[str, int]) -> None:
    answer = said(address, LINE + b"\r\n", LINE, b"x", pause=0.3)
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert second.startswith(b"408")


def test_a_long_answer_is_not_cut_by_the_clock_of_heads() -> None:
    with process(held=True, read_seconds=0.5) as (_, url), httpx.Client(base_url=url) as http:
        job = http.post("/v1/generations", content=body()).json()["id"]
        timer = threading.Timer(2.0, lambda: httpx.post(f"{url}/let", trust_env=False))
        timer.start()
        told = http.get(f"/v1/generations/{job}/progress", timeout=60).text
        assert '"done"' in told.splitlines()[-1]

"""Every size is capped before it is read: a server cannot fill the device's memory."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterator

import httpx
import pytest

from obclip.client.transport import Connection
from obclip.errors import ObclipError
from obclip.protocol import limits
from obclip.protocol.messages import Accepted

CHUNK = 4096
FLOOD = gzip.compress(b" " * (16 << 20), 1)
JOB = Accepted(id="0" * 64, state="done", ratio=1.0)
Call = Callable[[Connection], object]
CALLS: dict[str, tuple[Call, int]] = {
    "models": (lambda c: c.info(), limits.MAX_INFO_BYTES),
    "generations": (lambda c: c.submit(b"{}"), limits.MAX_INFO_BYTES),
    "progress": (lambda c: c.follow(JOB, lambda _: None), limits.MAX_PROGRESS_LINE_BYTES),
    "latents": (lambda c: c.fetch(JOB, (1, 2, 4, 8, 8)), limits.answer_bytes_cap(2, 4, 8, 8)),
}


class Endless(httpx.SyncByteStream):
    """A body without an end, that counts what is taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(2_000):
            self.taken += CHUNK
            yield b" " * CHUNK


def connected(answer: Callable[[], httpx.Response]) -> Connection:
    transport = httpx.MockTransport(lambda _: answer())
    return Connection("http://x", client=httpx.Client(transport=transport, base_url="http://x"))


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("where", CALLS)
def test_an_endless_answer_is_left_at_its_cap(where: str, status: int) -> None:
    call, cap = CALLS[where]
    body = Endless()
    with pytest.raises(ObclipError), connected(lambda: httpx.Response(status, stream=body)) as c:
        call(c)
    assert body.taken <= (cap if status == 200 else limits.MAX_ERROR_BYTES) + CHUNK


@pytest.mark.parametrize("where", ["models", "progress"])
def test_a_compressed_answer_is_not_unpacked(where: str) -> None:
    headers = {"content-encoding": "gzip"}
    tracemalloc.start()
    try:
        with (
            pytest.raises(ObclipError),
            connected(
                lambda: httpx.Response(200, headers=headers, stream=httpx.ByteStream(FLOOD))
            ) as c,
        ):
            CALLS[where][0](c)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()

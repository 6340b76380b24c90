"""What a job sends back: its progress, line by line, and its answer, whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from obclip.server.job import OVER, Job

#: Bytes of an answer that are given to the line at a time.
_PIECE = 1 << 16
OCTETS = "application/octet-stream"
#: Steps are told no more often than this; a change of state is told at once.
_PULSE_SECONDS = 0.1
#: A line is repeated this often when nothing changes, so that a client can tell slow from dead.
_HEARTBEAT_SECONDS = 5.0


async def lines(job: Job) -> AsyncIterator[bytes]:
    """A line of JSON for each change, until the job is over."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(changed.set)
        except RuntimeError:  # the server has stopped
            return

    job.watchers.add(wake)
    try:
        last, quiet = None, 0.0
        while True:
            now = job.progress()
            if now != last or quiet >= _HEARTBEAT_SECONDS:
                yield msgspec.json.encode(now) + b"\n"
                last, quiet = now, 0.0
            if now.state in OVER:  # of the line that was sent: the job may have ended since
                return
            try:
                async with asyncio.timeout(_PULSE_SECONDS):
                    await changed.wait()
                changed.clear()
            except TimeoutError:
                quiet += _PULSE_SECONDS
    finally:
        job.watchers.discard(wake)


class Answer(Response):
    """All latents of a set in one body, which says when the whole of it has left."""

    media_type = OCTETS

    def __init__(self, content: bytes, sent: Callable[[], None]) -> None:
        super().__init__(content)
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """In pieces: a server waits with the next one until the line has taken the last."""
        head = {"type": "http.response.start", "status": self.status_code}
        await send({**head, "headers": self.raw_headers})
        body = memoryview(self.body)
        last = max(0, (len(body) - 1) // _PIECE * _PIECE)
        for at in range(0, last, _PIECE):
            piece = bytes(body[at : at + _PIECE])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        gone = await Request(scope, receive).is_disconnected()  # after the last nobody could tell
        await send({"type": "http.response.body", "body": bytes(body[last:])})
        if not gone:
            self._sent()

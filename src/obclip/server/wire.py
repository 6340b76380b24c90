"""HTTP's own edge: heads are capped and timed, and what is no HTTP is refused in the same form.

Protects: whoever has no key yet cannot make the server hold more than a head's cap, nor hold a
connection by dripping one; no text of what was sent is repeated.
Does not protect: from many connections at once (open files are the system's limit, or a proxy's).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from obclip.errors import ObclipError, ServerError
from obclip.protocol.messages import ErrorBody
from obclip.server.refusals import STATUS

#: Request line and headers of one request.
MAX_HEAD_BYTES = 16_384


class Guarded(HttpToolsProtocol):
    """uvicorn's connection, with a cap and a clock for each head."""

    #: How long a head may take to arrive.
    seconds = 30.0

    _clock: asyncio.TimerHandle | None = None
    _head = 0  # bytes of names and values so far
    _fed = 0  # bytes since the head began, in chunks of their own
    _inside = False
    _over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # asyncio's own widening
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # refused; TLS may still deliver
            return
        if self._clock is None and (self.cycle is None or self.cycle.response_complete):
            self._start()
        begun = self._inside
        super().data_received(data)
        if begun and self._inside:
            self._fed += len(data)
            if self._fed > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        self._inside, self._head, self._fed = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._inside = False
        self._stop()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser could not read, or was not allowed to."""
        self._refuse(
            _too_large() if self._over else
            ServerError("not a request of HTTP/1.1", code="bad_http", expected="HTTP/1.1")
        )  # fmt: skip

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD_BYTES:
            self._over = True
            raise ValueError("over the cap of a head")  # the parser stops, and asks for a refusal

    def _start(self) -> None:
        self._clock = self.loop.call_later(self.seconds, self._late)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        if self._inside and not self.transport.is_closing():
            self._refuse(_too_slow(self.seconds))
        else:
            self.transport.close()

    def _refuse(self, error: ObclipError) -> None:
        self._stop()
        status = HTTPStatus(STATUS[error.code])
        got = None if error.got is None else str(error.got)
        told = ErrorBody(
            code=error.code, message=error.message, got=got, expected=str(error.expected)
        )
        body = msgspec.json.encode(told)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


def guarded(seconds: float) -> type[Guarded]:
    """The protocol with a clock of ``seconds``."""
    return type("Guarded", (Guarded,), {"seconds": seconds})


def _too_large() -> ServerError:
    return ServerError(
        "the request's head is too large", code="head_too_large",
        got=f"over {MAX_HEAD_BYTES} bytes", expected=f"at most {MAX_HEAD_BYTES}",
    )  # fmt: skip


def _too_slow(seconds: float) -> ServerError:
    return ServerError(
        "the request took too long to arrive", code="slow", got=f"over {seconds:g} s",
        expected="a whole request",
    )  # fmt: skip

"""One engine of a fleet, in a process of Ray's: ``Embedded`` behind bytes, and nothing more.

Protects: what a replica fails with leaves it as a code, never as a text that could quote a prompt.
Does not protect: the process's own memory from its operator.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from obclip import errors
from obclip.errors import ObclipError, ServerError
from obclip.protocol.codec import decode_request
from obclip.protocol.messages import ErrorBody
from obclip.server.backend import Stopped
from obclip.server.settings import Settings

_STOPPED = "stopped"


class Replica:
    """One engine of the fleet, in a process of Ray's."""

    def __init__(self, fields: dict[str, Any]) -> None:
        from obclip.server.embedded import Embedded, engine_of

        settings = Settings(**fields)
        engine, info = engine_of(settings)
        self._backend = Embedded(engine, info, settings)

    async def info(self) -> bytes:
        return msgspec.json.encode(self._backend.info)

    async def admit(self, data: bytes) -> bytes:
        """An ``Admission``, or what is wrong with the request."""
        try:
            return msgspec.json.encode(self._backend.admit(decode_request(data)))
        except Exception as error:  # another's text would be written to Ray's own logs
            return b"!" + told(error)

    async def run(self, data: bytes, tenant: str, held: int) -> AsyncIterator[bytes]:
        """Steps as ``+[done, total]``, then ``=`` and the answer, or ``!`` and what went wrong."""
        loop, said = asyncio.get_running_loop(), asyncio.Queue[bytes]()
        key = secrets.token_hex(16)

        def tell(item: bytes) -> None:
            loop.call_soon_threadsafe(said.put_nowait, item)

        def end(answer: bytes | None, error: BaseException | None) -> None:
            tell(b"!" + told(error) if answer is None else b"=" + answer)

        self._backend.submit(
            key, tenant, decode_request(data), held,
            lambda done, total: tell(b"+" + msgspec.json.encode((done, total))), end,
        )  # fmt: skip
        try:
            while True:
                item = await said.get()
                yield item
                if item[:1] != b"+":
                    return
        finally:  # whoever asked has gone, or it has ended
            self._backend.cancel(key)

    async def check_health(self) -> None:
        """Ray's own question; a replica whose loop has died is replaced."""
        if not self._backend.ready:
            raise RuntimeError("the loop has ended")


def told(error: BaseException | None) -> bytes:
    """A failure without its text, unless the text is ours."""
    if isinstance(error, Stopped):
        return msgspec.json.encode({"kind": "ServerError", "code": _STOPPED, "message": "stopped"})
    if not isinstance(error, ObclipError):
        kind = type(error).__name__
        error = ServerError("the engine failed", code="engine_failed", got=kind)
    body = ErrorBody(
        code=error.code, message=error.message, got=None if error.got is None else str(error.got),
        expected=None if error.expected is None else str(error.expected),
    )  # fmt: skip
    return msgspec.json.encode({"kind": type(error).__name__, **msgspec.to_builtins(body)})


def error_of(said: bytes) -> ObclipError | Stopped:
    """The failure that a replica told."""
    fields = msgspec.json.decode(said, type=dict[str, str | None])
    if fields["code"] == _STOPPED:
        return Stopped()
    kind: type[ObclipError] = getattr(errors, fields.pop("kind") or "", ServerError)
    message = fields.pop("message") or ""
    return kind(message, **fields)

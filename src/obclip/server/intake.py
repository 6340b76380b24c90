"""How a request becomes a job: who asks, read and capped, checked, judged, charged, queued."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from obclip.errors import RequestError, ServerError
from obclip.protocol import limits
from obclip.protocol.codec import decode_request, request_id
from obclip.protocol.messages import GenerateRequest
from obclip.server.accounts import Accounts
from obclip.server.backend import Backend, units
from obclip.server.job import Job
from obclip.server.jobs import Jobs
from obclip.server.logs import say
from obclip.server.moderation import Hook, Moderator
from obclip.server.settings import Settings

#: The one tenant of a server without keys.
ANYBODY = "anybody"
#: Bytes of the machine's memory that no answer may take, however much the budget says.
_RESERVE = 128 << 20


class Intake:
    """Takes requests in for one server."""

    def __init__(
        self, backend: Backend, jobs: Jobs, settings: Settings, accounts: Accounts | None,
        hook: Hook | None,
    ) -> None:  # fmt: skip
        self._backend, self._jobs, self._settings = backend, jobs, settings
        self._accounts, self._moderator = accounts, Moderator(hook)
        self._turn = asyncio.Lock()  # so that equal bytes at once are charged once

    async def who(self, request: Request) -> str:
        """The tenant that asks.

        Raises:
            ServerError: code ``unauthorized``.
        """
        if self._accounts is None:
            return ANYBODY
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        tenant = None
        if scheme.lower() == "bearer" and key:
            tenant = await asyncio.to_thread(self._accounts.who, key.strip())
        if tenant is None:
            raise ServerError(
                "this cloud wants a key", code="unauthorized", expected="Authorization: Bearer KEY"
            )
        return tenant

    async def submit(self, tenant: str, data: bytes) -> Job:
        """The job of these bytes; the same bytes of the same tenant again are the same job."""
        name = request_id(data)
        known = self._jobs.known(tenant, name)
        if known is not None:
            return known
        request = decode_request(data)
        if not self._backend.ready:
            raise ServerError("nothing computes here now", code="busy", expected="try again later")
        admission = await asyncio.to_thread(self._backend.admit, request)
        size = self._answer_bytes(request)
        self._jobs.check_room(tenant, size)
        self._check_memory(size)
        await self._moderator.judge(request)
        async with self._turn:
            known = self._jobs.known(tenant, name)
            if known is not None:
                return known
            self._jobs.check_room(tenant, size)
            ticket = 0
            if self._accounts is not None:
                ticket = await asyncio.to_thread(self._accounts.charge, tenant, units(request))
            try:
                job = self._jobs.submit(
                    tenant, name, request, ratio=admission.ratio, held=admission.held, size=size,
                    ticket=ticket, units=units(request),
                )  # fmt: skip
            except ServerError:
                if self._accounts is not None:
                    await asyncio.to_thread(self._accounts.settle, ticket, refund=True)
                raise
        say(
            "accepted", tenant=tenant, n=request.n, images=request.images, steps=request.steps,
            split=request.split, plan=request.plan, height=request.height, width=request.width,
            units=units(request),
        )  # fmt: skip
        return job

    def _answer_bytes(self, request: GenerateRequest) -> int:
        info = self._backend.info
        factor = info.latent_factor
        return limits.answer_bytes_cap(
            request.n * request.images, info.latent_channels, request.height // factor,
            request.width // factor,
        )  # fmt: skip

    def _check_memory(self, size: int) -> None:
        """What is free now, measured: others may have taken what was free at the start."""
        if self._backend.free_bytes() < size + _RESERVE:
            raise ServerError(
                "this machine's memory is full", code="busy", expected="try again later"
            )


async def capped_body(request: Request, seconds: float) -> bytes:
    """A request's bytes.

    Raises:
        RequestError: ``too_large``, before it is read if it says its size; ``slow``; ``cut_off``.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and (len(told) > 12 or int(told) > limits.MAX_REQUEST_BYTES):
        raise _too_large()
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limits.MAX_REQUEST_BYTES:
                    raise _too_large()
                parts.append(chunk)
    except TimeoutError:
        raise RequestError(
            "the request took too long to arrive", code="slow", got=f"over {seconds:g} s",
            expected="a whole request",
        ) from None  # fmt: skip
    except ClientDisconnect:
        raise RequestError("the request was cut off", code="cut_off") from None
    return b"".join(parts)


def _too_large() -> RequestError:
    return RequestError(
        "request too large", code="too_large", got=f"over {limits.MAX_REQUEST_BYTES} bytes",
        expected=f"at most {limits.MAX_REQUEST_BYTES}",
    )  # fmt: skip

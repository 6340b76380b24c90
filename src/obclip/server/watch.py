"""Around every request: it is counted, logged by its shape alone, and never ends in a traceback.

Protects: a path is told as one of the known endpoints or as ``other``, since a path can hold text.
"""

from __future__ import annotations

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from obclip.errors import ServerError
from obclip.server.logs import say
from obclip.server.metrics import Metrics
from obclip.server.refusals import refusal

_JOB = re.compile(r"/v1/generations/[^/]*(/progress|/latents)?", re.ASCII)
_KNOWN = frozenset(
    {"/health", "/ready", "/metrics", "/openapi.json", "/v1/health", "/v1/models",
     "/v1/generations"}
)  # fmt: skip
_METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS"})
_QUIET = frozenset({"/health", "/ready", "/metrics", "/v1/health"})


def route(path: str) -> str:
    """The endpoint that a path names, without what varies in it."""
    if path in _KNOWN:
        return path
    found = _JOB.fullmatch(path)
    return "other" if found is None else f"/v1/generations/{{job_id}}{found[1] or ''}"


class Watched:
    """ASGI middleware; outermost but for the framework's own handler.

    That handler would raise an unforeseen error again for the log; an exception's text could quote
    what it was given, so here it is answered with its type alone.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, begun = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        kind = None
        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            kind = type(error).__name__
            if not status:
                broken = ServerError("internal error", code="internal", got=kind)
                await refusal(broken)(scope, receive, watched)
        finally:
            self._note(scope, status, time.perf_counter() - begun, kind)

    def _note(self, scope: Scope, status: int, seconds: float, kind: str | None) -> None:
        name, method = route(scope["path"]), scope["method"]
        method = method if method in _METHODS else "other"
        self.metrics.requests.labels(method, name, str(status)).inc()
        if not name.endswith("/progress"):  # as long as a job takes
            self.metrics.request_seconds.labels(name).observe(seconds)
        if name not in _QUIET:
            say(
                "request", method=method, route=name, status=status, seconds=round(seconds, 4),
                kind=kind,
            )  # fmt: skip

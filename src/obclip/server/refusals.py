"""Errors become answers: a status, an ``ErrorBody``, and when to come back. Never a stack trace."""

from __future__ import annotations

import time

import msgspec
from fastapi import Response

from obclip.errors import ObclipError, ServerError
from obclip.protocol.messages import ErrorBody

#: code -> status; other codes of ours are 500, of the request's 400.
STATUS: dict[str, int] = {
    "bad_http": 400,
    "unauthorized": 401,
    "refused": 403,
    "beyond_quota": 403,
    "not_found": 404,
    "bad_method": 405,
    "slow": 408,
    "not_ready": 409,
    "deadline": 410,  # not 504: trying again at once would change nothing
    "too_large": 413,
    "quota": 429,
    "too_many_jobs": 429,
    "head_too_large": 431,
    "busy": 503,
    "draining": 503,
    "moderation": 503,
    "storage": 503,
}


def refusal(error: ObclipError, retry_after: int = 2) -> Response:
    """The answer to a request that was refused."""
    status = STATUS.get(error.code, 500 if isinstance(error, ServerError) else 400)
    body = ErrorBody(
        code=error.code,
        message=error.message,
        got=None if error.got is None else str(error.got),
        expected=None if error.expected is None else str(error.expected),
    )
    response = as_json(body, status)
    if error.code == "quota":
        response.headers["Retry-After"] = str(86_400 - int(time.time()) % 86_400)
    elif status in (429, 503):
        response.headers["Retry-After"] = str(retry_after)
    elif status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def as_json(body: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def unknown_job() -> ServerError:
    return ServerError(
        "no such generation", code="not_found", expected="one submitted and not yet expired"
    )

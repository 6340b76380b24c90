"""schemathesis over the OpenAPI document: whatever is sent, nothing of the server's own breaks.

``OBCLIP_EXAMPLES`` (default 10 in a build) is how much each endpoint is tried.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from obclip.protocol import limits
from obclip.protocol.codec import canonical, decode
from obclip.protocol.messages import ErrorBody
from obclip.server.app import app_over
from obclip.server.settings import Settings
from tests.server.fakes import Instant

SERVED = app_over(Instant(), Settings(queue=1000))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The server without its end, which schemathesis would bring after the first exchange."""
    if scope["type"] != "lifespan":
        await SERVED(scope, receive, send)
        return
    for word in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{word}.complete"})


SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", app)
TRIES = settings(
    max_examples=int(os.environ.get("OBCLIP_EXAMPLES", "10")), deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@SCHEMA.parametrize()
@TRIES
def test_every_answer_is_one_of_the_documents(case: Any) -> None:
    # JSON Schema cannot say "canonical", so a good request in another spelling is rightly refused
    judge(case.call_and_validate(excluded_checks=[positive_data_acceptance]))


@SCHEMA.include(method="POST").parametrize()
@TRIES
def test_a_request_in_its_one_spelling_is_taken_or_told_why(case: Any) -> None:
    """schemathesis spells JSON in its own way, which is refused early: here it gets through."""
    if not isinstance(case.body, dict):
        return
    sent = {k: v for k, v in case.body.items() if v or k not in ("negatives", "sizes")}
    sent["model"] = "m"
    try:
        data = canonical({**sent, "guidance": float(sent.get("guidance") or 0)})
    except (TypeError, ValueError, OverflowError):
        return
    case.headers = {"content-type": "application/json"}
    judge(case.call(data=data))


def judge(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        told = decode(answer.content, ErrorBody, limits.MAX_ERROR_BYTES)
        assert told.message
        assert "Traceback" not in answer.text

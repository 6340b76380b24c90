"""A small valid request, for tests that change one thing of it."""

from __future__ import annotations

from typing import Any

import httpx

from obclip.protocol.codec import canonical, decode_request
from obclip.protocol.messages import GenerateRequest

#: Patient, so that a busy machine fails no test.
HTTP = httpx.Client(timeout=120, trust_env=False)

#: A text that must come back in no message, log or error.
MARKER = "zebrafinch"

FIELDS: dict[str, Any] = {
    "version": 1, "model": "m", "plan": "exact", "scheduler": "ddim", "steps": 8, "split": 3,
    "guidance": 2.5, "height": 64, "width": 64, "images": 1, "seed": 7,
    "prompts": ["a photo of a woman", "a photo of a man"], "table_version": "t",
}  # fmt: skip


def body(**changes: Any) -> bytes:
    """Canonical bytes of the request with some fields changed."""
    return canonical({**FIELDS, **changes})


def request(**changes: Any) -> GenerateRequest:
    return decode_request(body(**changes))

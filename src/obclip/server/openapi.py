"""The OpenAPI document, with what FastAPI cannot see: messages are msgspec's, not pydantic's."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from obclip.protocol import limits
from obclip.protocol.messages import Accepted, ErrorBody, GenerateRequest, Progress, ServerInfo

_REFUSALS: dict[str, str] = {
    "400": "Not a request of the wire contract, or a value out of range.",
    "401": "No valid key.",
    "403": "The operator's verdict on the whole set.",
    "404": "No such endpoint, or no such generation (any more).",
    "405": "Not a method of this endpoint.",
    "408": "The request did not arrive in time.",
    "409": "Not finished.",
    "410": "The job took too long and was stopped.",
    "413": "Over the request cap.",
    "429": "The key's quota or number of open jobs; see Retry-After.",
    "500": "The cloud's own fault; `got` is the kind of error alone.",
    "503": "Busy, stopping, or unable to keep its records; see Retry-After.",
}
_OPEN = ("/health", "/ready", "/v1/health")
_ID = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the request"}
#: What ``GenerateRequest.check`` holds to.
_RANGES: dict[str, dict[str, Any]] = {
    "version": {"enum": [limits.VERSION]},
    "scheduler": {"enum": [*limits.SCHEDULERS, limits.DISTILLED]},
    "steps": {"minimum": 1, "maximum": limits.MAX_STEPS},
    "split": {"minimum": 0, "maximum": limits.MAX_STEPS, "description": "at most `steps`"},
    "guidance": {"minimum": 0, "maximum": limits.MAX_GUIDANCE},
    "height": {"minimum": limits.MIN_SIDE, "maximum": limits.MAX_SIDE},
    "width": {"minimum": limits.MIN_SIDE, "maximum": limits.MAX_SIDE},
    "images": {"minimum": 1, "maximum": limits.MAX_IMAGES},
    "seed": {"minimum": 0, "maximum": limits.MAX_SEED},
    "prompts": {
        "minItems": 1,
        "maxItems": limits.MAX_CANDIDATES,
        "description": "distinct; with negatives, the pairs of both are",
    },
    "negatives": {"maxItems": limits.MAX_CANDIDATES, "description": "none, or one a prompt"},
    "sizes": {
        "maxItems": limits.MAX_ATTRIBUTES,
        "items": {"type": "integer", "minimum": 2, "maximum": limits.MAX_CANDIDATES},
        "description": "none, or a product equal to the number of prompts",
    },
}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _refusals(*codes: str) -> dict[str, Any]:
    return {c: {"description": _REFUSALS[c], "content": _json("ErrorBody")} for c in codes}


#: (path, method) -> (status and what it is, content or None, refusals)
_ANSWERS: dict[tuple[str, str], tuple[str, str, dict[str, Any] | None, tuple[str, ...]]] = {
    ("/v1/models", "get"): ("200", "The served models.", _json("ServerInfo"), ()),
    ("/v1/generations", "post"): (
        "202", "Accepted, or known already.", _json("Accepted"),
        ("400", "403", "408", "413", "429", "503"),
    ),
    ("/v1/generations/{job_id}/progress", "get"): (
        "200", "A `Progress` a line, until the job is over.",
        {"application/x-ndjson": {"schema": {"type": "string"}}}, ("404",),
    ),
    ("/v1/generations/{job_id}/latents", "get"): (
        "200", "One safetensors document with one fp16 tensor, `latents`.",
        {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        ("400", "404", "409", "410", "500"),
    ),
    ("/v1/generations/{job_id}", "delete"): ("204", "Stopped, or dropped.", None, ("404",)),
    ("/metrics", "get"): (
        "200", "For Prometheus.", {"text/plain": {"schema": {"type": "string"}}}, (),
    ),
    ("/ready", "get"): ("200", "Takes jobs.", {"application/json": {"schema": {}}}, ("503",)),
}  # fmt: skip


def document(app: FastAPI, *, keys: bool) -> dict[str, Any]:
    """The document of ``app``; ``keys`` says whether it wants them."""
    out = get_openapi(
        title=app.title, version=app.version, routes=app.routes,
        summary="The cloud half of ObCLIP: runs the first steps for a closed set of prompts.",
        description=f"Wire contract version {limits.VERSION}; every refusal is an `ErrorBody`.",
    )  # fmt: skip
    kinds = [GenerateRequest, ServerInfo, Accepted, Progress, ErrorBody]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    properties = schemas["GenerateRequest"]["properties"]
    for name, known in _RANGES.items():
        properties[name] = {**properties[name], **known}
    out["components"] = {
        "schemas": schemas,
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
    }
    for path, methods in out["paths"].items():
        for method, operation in methods.items():
            _describe(operation, path, method)
            if keys and path not in _OPEN:
                operation["security"] = [{"key": []}]
                operation["responses"] |= _refusals("401", "503")
    return out


def _describe(operation: dict[str, Any], path: str, method: str) -> None:
    operation["responses"].pop("422", None)  # there is no such answer
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _ID
    known = _ANSWERS.get((path, method))
    if known is not None:
        status, words, content, refusals = known
        answer = {"description": words} | ({} if content is None else {"content": content})
        operation["responses"] = {status: answer, **_refusals(*refusals)}
    if method == "post":
        operation["requestBody"] = {
            "required": True,
            "description": "Canonical JSON: keys sorted, no spaces (docs/protocol.md).",
            "content": _json("GenerateRequest"),
        }

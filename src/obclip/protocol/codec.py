"""Bytes to messages and back: canonical JSON for requests, safetensors for latents.

Canonical means: equal messages have equal bytes, and a message that is not in this form is
refused, so that a hash of the bytes names the content.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, TypeVar

import msgspec
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from obclip.errors import ProtocolError, RequestError
from obclip.protocol import limits
from obclip.protocol.messages import GenerateRequest

Latents = NDArray[np.float16]
T = TypeVar("T", bound=msgspec.Struct)

TENSOR = "latents"


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def encode_request(request: GenerateRequest) -> bytes:
    """The one spelling of a request: canonical JSON, empty ``negatives`` and ``sizes`` left out."""
    fields: dict[str, Any] = msgspec.to_builtins(request)
    fields["guidance"] = float(request.guidance) + 0.0  # minus zero has the same spelling as zero
    for optional in ("negatives", "sizes"):
        if not fields[optional]:
            del fields[optional]
    return canonical(fields)


def decode_request(data: bytes) -> GenerateRequest:
    """Reads and checks a request.

    Raises:
        RequestError: too large, not JSON of this shape, not canonical, or out of range. The
            message never repeats what was sent.
    """
    if len(data) > limits.MAX_REQUEST_BYTES:
        raise RequestError(
            "request too large", code="too_large", got=f"{len(data)} bytes",
            expected=f"at most {limits.MAX_REQUEST_BYTES}",
        )  # fmt: skip
    try:
        request = msgspec.json.decode(data, type=GenerateRequest)
        exact = encode_request(request) == data
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise RequestError(
            "request is not of the wire contract's shape", code="bad_request",
            got=f"a problem at {_place(error)}", expected="the fields of docs/protocol.md",
        ) from None  # fmt: skip
    if not exact:
        raise RequestError(
            "request is not canonical", code="not_canonical",
            expected="JSON with sorted keys, no spaces, UTF-8",
        )  # fmt: skip
    request.check()
    return request


def _place(error: Exception) -> str:
    """The field a decoder complains of, if it is one of ours: never a word of the sender's."""
    found = re.search(r" - at `\$\.(\w+)(\[[\d.]+\])?`$", str(error))
    known = found is not None and found[1] in GenerateRequest.__struct_fields__
    return found[1] if found is not None and known else "the body"


def request_id(data: bytes) -> str:
    """Name of a request's content: SHA-256 of its canonical bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def encode_latents(latents: Latents) -> bytes:
    """One fp16 tensor ``(images, n, channels, height, width)`` as safetensors."""
    if latents.dtype != np.float16:
        raise ProtocolError("latents have the wrong type", got=latents.dtype, expected="float16")
    data: bytes = safetensors.numpy.save({TENSOR: np.ascontiguousarray(latents)})
    return data


def decode_latents(data: bytes, shape: tuple[int, int, int, int, int]) -> Latents:
    """Reads an answer that must have exactly ``shape`` (images, n, channels, height, width).

    Only the form is judged here; values are judged by the client's one predicate.

    Raises:
        ProtocolError: truncated, oversized, not safetensors, other tensors, type or shape.
    """
    images, n, channels, height, width = shape
    cap = limits.answer_bytes_cap(images * n, channels, height, width)
    if not 8 <= len(data) <= cap:
        raise _wrong("size", f"{len(data)} bytes", f"8 to {cap}")
    header = int.from_bytes(data[:8], "little")
    if header > limits.MAX_ANSWER_HEADER_BYTES:
        raise _wrong("header", f"{header} bytes", f"at most {limits.MAX_ANSWER_HEADER_BYTES}")
    try:
        tensors = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError):
        raise _wrong("form", "unreadable bytes", "one safetensors document") from None
    if list(tensors) != [TENSOR]:
        raise _wrong("tensors", f"{len(tensors)} tensors", f"one, named {TENSOR}")
    latents: Latents = tensors[TENSOR]
    if latents.dtype != np.float16:
        raise _wrong("type", latents.dtype, "float16")
    if latents.shape != shape:
        raise _wrong("shape", latents.shape, shape)
    return latents


def _wrong(what: str, got: object, expected: object) -> ProtocolError:
    return ProtocolError(
        f"the answer has the wrong {what}", code=f"answer_{what}", got=got, expected=expected,
        action="the server is broken or not honest; nothing was drawn from it",
    )  # fmt: skip


def decode(data: bytes, kind: type[T], cap: int) -> T:
    """Reads a small message of the server's.

    Raises:
        ProtocolError: larger than ``cap`` bytes or of another shape.
    """
    if len(data) > cap:
        raise ProtocolError("message too large", got=len(data), expected=f"at most {cap} bytes")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise ProtocolError(
            "the server's message is not of the wire contract", expected=kind.__name__
        ) from None

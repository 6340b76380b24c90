"""What a server sent, read no further than its cap, and told in words fit for a terminal.

Protects: nothing is read whole before its size is known to be allowed; compressed bytes are never
unpacked. Does not protect: what a server says is shown to the user, cut and made printable.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from obclip.errors import ProtocolError, ServerError, TransportError
from obclip.protocol import limits
from obclip.protocol.codec import decode
from obclip.protocol.messages import ErrorBody

#: Characters of a server's own words that are shown.
_SAID = 300
_INSTEAD = "try again later, or draw it with --device-only"


def lines(response: httpx.Response) -> Iterator[bytes]:
    """Whole lines of a progress stream, each capped."""
    rest = b""
    for chunk in response.iter_raw():
        rest += chunk
        *whole, rest = rest.split(b"\n")
        yield from whole
        if len(rest) > limits.MAX_PROGRESS_LINE_BYTES:
            raise ProtocolError(
                "a progress line is too long", got=len(rest),
                expected=f"at most {limits.MAX_PROGRESS_LINE_BYTES} bytes",
            )  # fmt: skip


def capped(response: httpx.Response, cap: int) -> bytes:
    """The whole body, if it is not larger than ``cap`` bytes."""
    out = bytearray()
    for chunk in response.iter_raw():  # raw: a compressed answer could grow without a cap
        out += chunk
        if len(out) > cap:
            raise ProtocolError(
                "the answer is too large", code="answer_size", got=f"over {cap} bytes",
                expected=f"at most {cap}", action="the server is broken or not honest",
            )  # fmt: skip
    return bytes(out)


def refused(response: httpx.Response) -> ServerError:
    """The error that a refusal is told as."""
    data = capped(response, limits.MAX_ERROR_BYTES)
    try:
        body = decode(data, ErrorBody, limits.MAX_ERROR_BYTES)
    except ProtocolError:
        return ServerError(
            "not an ObCLIP cloud, or a broken one", code="not_obclip",
            got=f"HTTP {response.status_code}", expected="an ObCLIP server's answer",
            action="check --server",
        )  # fmt: skip
    return ServerError(
        f"the cloud refused: {printable(body.message)}", code=printable(body.code),
        got=body.got and printable(body.got), expected=body.expected and printable(body.expected),
    )  # fmt: skip


def printable(text: str) -> str:
    """A server's own words, fit for a terminal: printable, and not a page of them."""
    return "".join(c if c.isprintable() else " " for c in text[:_SAID])


def closed() -> TransportError:
    """Something was to be sent after the end."""
    return TransportError("the connection is closed", code="closed", expected="a new one")


def silent(server: str) -> TransportError:
    """No byte came in time."""
    return TransportError("the server is silent", code="timeout", got=server, action=_INSTEAD)


def too_slow(server: str, seconds: float) -> TransportError:
    """Bytes came, but not to an end."""
    return TransportError(
        "the cloud took too long", code="too_slow", got=f"{server} (no end in sight)",
        expected=f"a whole answer within {seconds:g} s", action=_INSTEAD,
    )  # fmt: skip


def cut_off(server: str) -> TransportError:
    """The network failed again and again."""
    return TransportError(
        "the answer was cut off", code="cut_off", got=server, expected="a whole answer",
        action=_INSTEAD,
    )  # fmt: skip


def not_trusted(server: str) -> TransportError:
    """Its certificate is not that of this address, or nobody vouches for it."""
    return TransportError(
        "the cloud's certificate is not trusted", code="certificate", got=server,
        expected="one that names this address, from an authority that is known here",
        action="for an authority of your own set SSL_CERT_FILE to its PEM file",
    )  # fmt: skip


def no_server(server: str, why: str) -> TransportError:
    """Nobody ever answered there."""
    return TransportError(
        "no cloud there", code="unreachable", got=f"{server} ({why})",
        expected="a running `obclip serve`",
        action="check --server, leave it out for a local cloud, or use --device-only",
    )  # fmt: skip

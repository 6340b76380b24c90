"""The wire, seen from the device: one connection, opened, used and closed before any choice.

Protects: the bytes of a request are resent unchanged; answers are capped before they are read;
``is_closed`` becomes true only when the sockets are gone, and stays so. Every exchange is kept
in ``trace``, so that a test can see all that left the device.
Does not protect: who is asking, and when (the network's own metadata).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import httpx

from obclip.errors import ProtocolError, ServerError, TransportError
from obclip.protocol import limits
from obclip.protocol.codec import Latents as Latents
from obclip.protocol.codec import decode, decode_latents, request_id
from obclip.protocol.messages import Accepted, ErrorBody, Progress, ServerInfo

OnProgress = Callable[[Progress], None]

RETRIES = 4
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0)
#: Characters of a server's own words that are shown.
_SAID = 300
#: What a retry may mend: the network, and a server that says it is busy.
_BUSY = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that left the device, and how many bytes came back."""

    method: str
    path: str
    sent: bytes
    received: int


class Connection:
    """One session with one cloud. A context manager; closing is final."""

    def __init__(
        self, server: str, *, timeout: float = 60.0, client: httpx.Client | None = None
    ) -> None:
        """``timeout`` is the longest silence in seconds; ``client`` is injected in tests."""
        try:
            self._client = client or httpx.Client(
                base_url=server, timeout=httpx.Timeout(timeout, connect=5.0),
                headers={"user-agent": f"obclip/{limits.VERSION}", "accept-encoding": "identity"},
                trust_env=False, follow_redirects=False,
            )  # fmt: skip
        except (httpx.InvalidURL, ValueError, TypeError):
            raise _no_server(server, "not an address") from None
        if client is None and self._client.base_url.scheme not in ("http", "https"):
            raise _no_server(server, "not an http address")
        self.server = server
        self.trace: list[Exchange] = []
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """True once nothing more can be sent."""
        return self._closed

    def close(self) -> None:
        self._client.close()
        self._closed = True

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def bytes_up(self) -> int:
        return sum(len(e.sent) for e in self.trace)

    @property
    def bytes_down(self) -> int:
        return sum(e.received for e in self.trace)

    def info(self) -> ServerInfo:
        """The cloud's models and their public parameters."""
        data = self._exchange("GET", "/v1/models", b"", limits.MAX_INFO_BYTES)
        info = decode(data, ServerInfo, limits.MAX_INFO_BYTES)
        if info.version != limits.VERSION:
            raise ProtocolError(
                "the server speaks another version", code="version", got=info.version,
                expected=limits.VERSION, action="update the older side",
            )  # fmt: skip
        return info

    def submit(self, request: bytes) -> Accepted:
        """Sends a candidate set. The answer must name these very bytes."""
        data = self._exchange("POST", "/v1/generations", request, limits.MAX_INFO_BYTES)
        accepted = decode(data, Accepted, limits.MAX_INFO_BYTES)
        if accepted.id != request_id(request):
            raise ProtocolError("the server accepted something else", code="other_request")
        return accepted

    def follow(self, accepted: Accepted, on_progress: OnProgress) -> None:
        """Waits until the job is over, reporting each step."""
        path = f"/v1/generations/{accepted.id}/progress"
        last = None

        def read(response: httpx.Response) -> int:
            nonlocal last
            size = 0
            for line in _lines(response):
                size += len(line)
                last = decode(line, Progress, limits.MAX_PROGRESS_LINE_BYTES)
                on_progress(last)
            return size

        self._attempt("GET", path, b"", read)
        if last is None or last.state not in ("done", "failed"):
            state = "nothing" if last is None else last.state
            raise ServerError(
                "the cloud did not finish", code="not_finished", got=state, expected="done",
                action="run the command again",
            )  # fmt: skip

    def fetch(self, accepted: Accepted, shape: tuple[int, int, int, int, int]) -> Latents:
        """All latents (images, n, channels, height, width), in one answer, of exactly this form."""
        images, n, channels, height, width = shape
        cap = limits.answer_bytes_cap(images * n, channels, height, width)
        path = f"/v1/generations/{accepted.id}/latents"
        return decode_latents(self._exchange("GET", path, b"", cap), shape)

    def _exchange(self, method: str, path: str, body: bytes, cap: int) -> bytes:
        out = bytearray()

        def read(response: httpx.Response) -> int:
            out[:] = _capped(response, cap)
            return len(out)

        self._attempt(method, path, body, read)
        return bytes(out)

    def _attempt(
        self, method: str, path: str, body: bytes, read: Callable[[httpx.Response], int]
    ) -> None:
        """One exchange, repeated with the same bytes when the network or a busy server asks."""
        if self._closed:
            raise TransportError("the connection is closed", code="closed", expected="a new one")
        begun = False
        for attempt in range(RETRIES + 1):
            final, received = attempt == RETRIES, 0
            try:
                with self._stream(method, path, body) as response:
                    begun = True
                    if response.status_code not in _BUSY or final:
                        if response.status_code >= 300:
                            raise _refused(response)
                        received = read(response)
                        return
            except httpx.TimeoutException:
                raise TransportError(
                    "the server is silent", code="timeout", got=self.server,
                    action="try again later, or draw it with --device-only",
                ) from None  # fmt: skip
            except httpx.HTTPError as error:
                if final and begun:
                    raise _cut_off(self.server) from None
                if final:
                    raise _no_server(self.server, type(error).__name__) from None
            finally:
                self.trace.append(Exchange(method, path, body, received))
            time.sleep(_BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)])

    @contextmanager
    def _stream(self, method: str, path: str, body: bytes) -> Iterator[httpx.Response]:
        headers = {"content-type": "application/json"} if body else {}
        with self._client.stream(method, path, content=body or None, headers=headers) as response:
            yield response


def _lines(response: httpx.Response) -> Iterator[bytes]:
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


def _capped(response: httpx.Response, cap: int) -> bytes:
    out = bytearray()
    for chunk in response.iter_raw():  # raw: a compressed answer could grow without a cap
        out += chunk
        if len(out) > cap:
            raise ProtocolError(
                "the answer is too large", code="answer_size", got=f"over {cap} bytes",
                expected=f"at most {cap}", action="the server is broken or not honest",
            )  # fmt: skip
    return bytes(out)


def _refused(response: httpx.Response) -> ServerError:
    data = _capped(response, limits.MAX_ERROR_BYTES)
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


def _cut_off(server: str) -> TransportError:
    return TransportError(
        "the answer was cut off", code="cut_off", got=server, expected="a whole answer",
        action="try again later, or draw it with --device-only",
    )  # fmt: skip


def _no_server(server: str, why: str) -> TransportError:
    return TransportError(
        "no cloud there", code="unreachable", got=f"{server} ({why})",
        expected="a running `obclip serve`",
        action="check --server, leave it out for a local cloud, or use --device-only",
    )  # fmt: skip

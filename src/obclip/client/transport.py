"""The wire, seen from the device: one connection, opened, used and closed before any choice.

Protects: the bytes of a request are resent unchanged; answers are capped before they are read;
``is_closed`` becomes true only when the sockets are gone, and stays so. Every exchange is kept
in ``trace``, so that a test can see all that left the device.
Does not protect: who is asking, and when (the network's own metadata).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import httpx

from obclip.client import answers
from obclip.client.answers import printable as printable
from obclip.client.patience import AWAY, BUSY, DEFAULT, Clock, Patience, retry_after
from obclip.client.trust import trusted, untrusted
from obclip.errors import ObclipError, ProtocolError, ServerError, TransportError
from obclip.protocol import limits
from obclip.protocol.codec import Latents as Latents
from obclip.protocol.codec import decode, decode_latents, request_id
from obclip.protocol.messages import Accepted, Progress, ServerInfo

OnProgress = Callable[[Progress], None]
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


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
        self,
        server: str,
        *,
        patience: Patience | None = None,
        key: str | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        """``key`` is the account's at that cloud, if it wants one; ``client`` is for tests.

        Raises:
            TransportError: not an address, or a key that would travel in clear.
        """
        self.patience = patience or DEFAULT
        headers = {"user-agent": f"obclip/{limits.VERSION}", "accept-encoding": "identity"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        try:
            self._client = client or httpx.Client(
                base_url=server, headers=headers, trust_env=False, follow_redirects=False,
                verify=trusted(server),
                timeout=httpx.Timeout(self.patience.silence, connect=self.patience.connect),
                limits=httpx.Limits(max_connections=1),
            )  # fmt: skip
        except (httpx.InvalidURL, ValueError, TypeError):
            raise answers.no_server(server, "not an address") from None
        url = self._client.base_url
        if client is None and url.scheme not in ("http", "https"):
            raise answers.no_server(server, "not an http address")
        if key and url.scheme == "http" and url.host not in _LOOPBACK:
            raise TransportError(
                "the key would travel in clear", code="key_in_clear", got=server,
                expected="an https address", action="ask the operator for TLS",
            )  # fmt: skip
        self.server = server
        self.trace: list[Exchange] = []
        self._closed = False
        self._met = False
        self._clock: Clock | None = None

    @property
    def is_closed(self) -> bool:
        """True once nothing more can be sent."""
        return self._closed

    def close(self) -> None:
        self._client.close()
        self._closed = True
        if self._clock is not None:
            self._clock.stop()

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
            for line in answers.lines(response):
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
            out[:] = answers.capped(response, cap)
            return len(out)

        self._attempt(method, path, body, read)
        return bytes(out)

    def _attempt(
        self, method: str, path: str, body: bytes, read: Callable[[httpx.Response], int]
    ) -> None:
        """One exchange, repeated with the same bytes when the network or a busy server asks."""
        if self._closed:
            raise answers.closed()
        if self._clock is None:
            self._clock = Clock(self.patience.total)
        failures, busy_until = 0, time.monotonic() + self.patience.busy
        while True:
            pause = self._try(method, path, body, read, failures, busy_until)
            if pause is None:
                return
            wait, failed = pause
            failures += failed
            time.sleep(min(wait, self._clock.left()))

    def _try(
        self, method: str, path: str, body: bytes, read: Callable[[httpx.Response], int],
        failures: int, busy_until: float,
    ) -> tuple[float, int] | None:  # fmt: skip
        """One try. None when it is done, else (seconds to wait, 1 if the network failed)."""
        clock, received = self._clock, 0
        if clock is None or clock.expired:
            raise self._too_slow()
        most = self.patience.retries if self._met else self.patience.first_retries
        headers = {"content-type": "application/json"} if body else {}
        self._client.cookies.clear()  # a retry is the same bytes, whatever a server would plant
        try:
            with self._client.stream(
                method, path, content=body or None, headers=headers,
                extensions={"trace": clock.trace},
            ) as response:  # fmt: skip
                self._met = True
                wait = self.patience.pause(failures, response.headers)
                if response.status_code in AWAY and failures < most:
                    return wait, 1
                asked = max(wait, retry_after(response.headers.get("retry-after", "")))
                if response.status_code in BUSY and time.monotonic() + asked < busy_until:
                    return wait, 0
                if response.status_code >= 300:
                    raise answers.refused(response)
                received = read(response)
                return None
        except httpx.HTTPError as error:
            # a line that was not made in time is a broken network, and is tried again
            if isinstance(error, httpx.TimeoutException) and not isinstance(
                error, httpx.ConnectTimeout
            ):
                raise answers.silent(self.server) from None
            if clock.expired:
                raise self._too_slow() from None
            if untrusted(error):
                raise answers.not_trusted(self.server) from None
            if failures < most:
                return self.patience.pause(failures), 1
            if self._met:
                raise answers.cut_off(self.server) from None
            raise answers.no_server(self.server, type(error).__name__) from None
        finally:
            self.trace.append(Exchange(method, path, body, received))

    def _too_slow(self) -> ObclipError:
        return answers.too_slow(self.server, self.patience.total)

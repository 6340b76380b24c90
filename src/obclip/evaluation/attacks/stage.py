"""The stage: a cloud without a denoiser that keeps all it sees, and may deviate.

Most games need no pictures: what leaves the device is a function of the request and of the answer's
form, so latents are random numbers here and thousands of trials take seconds. The device's side is
the product's own code, over its own HTTP client with the network taken out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx
import msgspec
import numpy as np

from obclip.client.transport import Connection
from obclip.cloud.planner import NAMED
from obclip.diffusion.compatibility import Facts
from obclip.errors import RequestError
from obclip.protocol import limits
from obclip.protocol.codec import Latents, decode_request, encode_latents, request_id
from obclip.protocol.messages import Accepted, GenerateRequest, ModelInfo, Progress, ServerInfo
from obclip.protocol.schedule import NoiseSchedule

SIDE, FACTOR, CHANNELS = 64, 8, 4
_SCHEDULE = NoiseSchedule(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    prediction_type="epsilon", rescale_betas_zero_snr=False, timestep_spacing="leading",
    steps_offset=1,
)  # fmt: skip
FACTS = Facts("stage", "stage", CHANNELS, FACTOR, 0.18215, _SCHEDULE, (32, 64), SIDE)
PLANS = tuple(NAMED)


@dataclass(frozen=True, slots=True)
class Event:
    """What the server saw, seconds after the first: a request, or a piece of an answer taken."""

    at: float
    method: str
    stage: str
    body: bytes


@dataclass(slots=True)
class View:
    """All that a server knows of one user: every request, in order, with its time."""

    events: list[Event] = field(default_factory=list)
    started: float = 0.0

    def note(self, request: httpx.Request) -> None:
        now = time.perf_counter()
        self.started = self.started or now
        stage = request.url.path.rpartition("/")[2]
        known = stage if stage in ("models", "generations", "progress", "latents") else "job"
        self.events.append(Event(now - self.started, request.method, known, request.content))

    def taken(self) -> None:
        """Notes that the device has read one piece of an answer and wants the next."""
        self.events.append(Event(time.perf_counter() - self.started, "TOOK", "piece", b""))

    @property
    def asked(self) -> list[GenerateRequest]:
        """The candidate sets, in the order they came."""
        return [decode_request(e.body) for e in self.events if e.method == "POST"]


class Late(NamedTuple):
    """An answer whose candidate ``at`` comes late."""

    body: bytes
    at: int


#: Gets the honest answer's bytes, the latents (images, n, channels, h, w) and the count of
#: answers so far; gives what to send, or raises to break the connection.
Deviate = Callable[[bytes, Latents, int], bytes | Late]


class _Pieces(httpx.SyncByteStream):
    """An answer sent candidate by candidate; the server sees which pieces were taken, and when."""

    def __init__(self, body: bytes, n: int, view: View, late: int | None) -> None:
        size = max(1, -(-len(body) // n))
        self.pieces = [body[i : i + size] for i in range(0, len(body), size)]
        self.view, self.late = view, late

    def __iter__(self) -> Iterator[bytes]:
        for i, piece in enumerate(self.pieces):
            if i == self.late:
                time.sleep(0.0005)
            yield piece
            self.view.taken()


class Stage:
    """A cloud for one user. ``deviate`` changes what it answers with."""

    def __init__(self, deviate: Deviate | None = None) -> None:
        self.view = View()
        self.deviate = deviate
        self.jobs: dict[str, GenerateRequest] = {}
        self.answers = 0

    def connection(self) -> Connection:
        """A new connection of the product's own, that does not sleep between tries."""
        from obclip.client.patience import Patience

        client = httpx.Client(transport=httpx.MockTransport(self._handle), base_url="http://cloud")
        return Connection("http://cloud", patience=Patience(backoff=(0.0,)), client=client)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.view.note(request)
        parts = request.url.path.split("/")
        if request.url.path == "/v1/models":
            return _json(_info())
        if request.method == "POST":
            try:
                asked = decode_request(request.content)
            except RequestError:
                return _bytes(b"{}", 400)
            job = request_id(request.content)
            self.jobs[job] = asked
            return _json(Accepted(id=job, state="queued", ratio=1.0), 202)
        if request.method == "DELETE":
            return httpx.Response(204)
        asked = self.jobs[parts[-2]]
        if parts[-1] == "progress":
            lines = [Progress(state="running", step=i, steps=asked.split) for i in (0, 1)]
            lines.append(Progress(state="done", step=asked.split, steps=asked.split))
            body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            return _bytes(body)
        latents = honest(asked)
        answer: bytes | Late = encode_latents(latents)
        self.answers += 1
        if self.deviate is not None:
            answer = self.deviate(encode_latents(latents), latents, self.answers)
        body, late = answer if isinstance(answer, Late) else (answer, None)
        return httpx.Response(200, stream=_Pieces(body, asked.n, self.view, late))


def honest(asked: GenerateRequest) -> Latents:
    """Latents drawn from the request alone, as a real cloud's are a function of it."""
    seed = int.from_bytes(hashlib.sha256("\n".join(asked.prompts).encode()).digest()[:4], "big")
    rng = np.random.default_rng([seed, asked.seed % 2**32])
    shape = (asked.images, asked.n, CHANNELS, asked.height // FACTOR, asked.width // FACTOR)
    return rng.standard_normal(shape).astype(np.float16)


def _info() -> ServerInfo:
    model = ModelInfo(
        name="mini", latent_channels=CHANNELS, latent_factor=FACTOR, scaling_factor=0.18215,
        schedule=_SCHEDULE, height=SIDE, width=SIDE, guidance=2.5, plans=PLANS,
    )  # fmt: skip
    return ServerInfo(version=limits.VERSION, server="stage", models=(model,))


def _json(body: msgspec.Struct, status: int = 200) -> httpx.Response:
    return _bytes(msgspec.json.encode(body), status)


def _bytes(body: bytes, status: int = 200) -> httpx.Response:
    """As a stream: the device counts bytes as they come."""
    return httpx.Response(status, stream=httpx.ByteStream(body))

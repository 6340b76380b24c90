"""Everything that crosses the wire: a set goes out, all its latents come back, the line is closed.

Protects: nothing here has seen the choice; what comes back is sealed until the connection is gone.
No torch: a set is on its way while the device model is still being loaded.
Does not protect: what stands in the set for all to see (docs/privacy.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from obclip.client.errand import Errand
from obclip.client.profile import Public
from obclip.client.sizes import with_sizes
from obclip.client.steps import check_steps, cloud_steps
from obclip.client.transport import Connection, printable
from obclip.client.validate import validate
from obclip.diffusion.compatibility import Facts, check_pair, check_size
from obclip.diffusion.pairs import Pair, find
from obclip.errors import ObclipError, PlanError, RequestError, ServerError
from obclip.privacy import CandidateSet
from obclip.privacy.request import PublicParameters, build_request
from obclip.privacy.selection import Sealed, seal
from obclip.protocol.codec import Latents, decode_latents, decode_request, encode_latents
from obclip.protocol.limits import DISTILLED
from obclip.protocol.messages import ModelInfo

#: What a cloud says of a job that it has lost (it was started again, or stopped on the way).
LOST = frozenset({"not_found", "not_ready", "not_finished"})
#: How often a lost job is asked for again.
AGAIN = 2

Shape = tuple[int, int, int, int, int]

#: Called with (stage, steps done, steps in all).
OnStage = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(slots=True)
class Report:
    """What happened, for the user's eyes: bytes, the cloud's cost, seconds by stage.

    ``steps`` are the cloud's: k of T.
    """

    n: int = 1
    steps: tuple[int, int] = (0, 0)
    ratio: float = 0.0
    bytes_up: int = 0
    bytes_down: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the wall-clock seconds of a block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Download:
    """All that came back for one set, sealed: its connection is closed for good.

    One item a candidate, (images, channels, h, w). ``asked`` is what the request said in public;
    ``guidance`` is the scale that the device goes on with; ``seed`` is the request's, which may
    be that of a run before a crash.
    """

    latents: Sealed[Latents]
    asked: PublicParameters
    guidance: float
    seed: int


def parameters(
    public: Public, cloud: ModelInfo, images: int, pair: Pair | None = None
) -> PublicParameters:
    """The public parameters of a request; what the profile leaves open is the cloud's own.

    Args:
        pair: ``public.pair`` if it has been looked up.
    """
    own = cloud_steps(public, pair)
    return PublicParameters(
        model=cloud.name,
        plan=public.plan,
        scheduler=own.scheduler,
        steps=own.steps,
        split=own.split,
        guidance=1.0 if own.scheduler == DISTILLED else guidance(public, cloud),
        height=public.side or cloud.height,
        width=public.side or cloud.width,
        images=images,
    )


def guidance(public: Public, cloud: ModelInfo) -> float:
    """The profile's guidance scale, or the pair's."""
    return cloud.guidance if public.guidance is None else float(public.guidance)


def download(
    candidates: CandidateSet,
    public: Public,
    device: Facts,
    connection: Connection,
    *,
    seed: int,
    images: int = 1,
    report: Report,
    on_stage: OnStage = silent,
    errand: Errand | None = None,
) -> Download:
    """Sees the set, not the choice. The connection is closed when this returns or raises.

    Args:
        device: the device model's facts, from its configs: what it cannot finish is not asked for.
        errand: remembers request and answer through a crash.

    Raises:
        ModelError: the cloud's model and the device's do not make a pair.
        TransportError, ServerError, ProtocolError, AnswerInvalid: as their names say.
    """
    pair = find(public.pair)
    with connection, report.timed("cloud"):
        try:
            cloud = _model(connection, public)
            check_pair(cloud, device)
            check_steps(pair, cloud)
            asked = parameters(public, cloud, images, pair)
            check_size(asked.height, asked.width, device.size_step)
            n, factor = len(candidates.prompts), cloud.latent_factor
            shape = (
                images, n, cloud.latent_channels, asked.height // factor, asked.width // factor,
            )  # fmt: skip

            def build(number: int) -> bytes:  # what the contract refuses does not leave
                return with_sizes(build_request(candidates, asked, number), candidates)

            request = build(seed) if errand is None else errand.request(build, seed)
            latents = _remembered(errand, shape)
            if latents is None:
                if errand is not None:
                    errand.on_send()
                latents = _ask(connection, request, shape, report, on_stage)
            validate(latents)
        finally:
            report.bytes_up, report.bytes_down = connection.bytes_up, connection.bytes_down
        report.n, report.steps = n, (asked.split, asked.steps)
    if errand is not None:
        errand.keep(encode_latents(latents))
    sealed = seal(tuple(latents[:, i] for i in range(n)), connection)
    return Download(sealed, asked, guidance(public, cloud), decode_request(request).seed)


def _remembered(errand: Errand | None, shape: Shape) -> Latents | None:
    """The answer that a crash left here: as good as the cloud's, and judged no less."""
    kept = None if errand is None else errand.answer()
    if kept is None:
        return None
    try:
        latents = decode_latents(kept, shape)
        validate(latents)
    except ObclipError:
        return None
    return latents


def _ask(
    connection: Connection, request: bytes, shape: Shape, report: Report, on_stage: OnStage
) -> Latents:
    """Sends the set and takes its latents; a job that the cloud has lost is the same bytes again.

    Raises:
        TransportError, ServerError, ProtocolError: as their names say.
    """
    for left in range(AGAIN, -1, -1):
        accepted = connection.submit(request)
        report.ratio = accepted.ratio
        try:
            connection.follow(accepted, lambda p: on_stage("cloud", p.step, p.steps))
            return connection.fetch(accepted, shape)
        except ServerError as error:
            if error.code not in LOST or not left:
                raise
    raise AssertionError("unreachable")


def _model(connection: Connection, public: Public) -> ModelInfo:
    info = connection.info()
    model = next((m for m in info.models if m.name == public.pair), None)
    if model is None:
        raise RequestError(
            "the cloud does not serve that pair", code="unknown_model", got=public.pair,
            expected=printable(" or ".join(m.name for m in info.models)),
            action="choose it with --pair",
        )  # fmt: skip
    if public.plan not in model.plans:
        raise PlanError(
            "unknown plan", code="unknown_plan", got=public.plan,
            expected=printable(" or ".join(model.plans)),
        )  # fmt: skip
    return model

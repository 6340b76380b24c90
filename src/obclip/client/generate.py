"""The whole story on one page: a prompt becomes a picture, and the cloud learns a set.

    prompt -> expand -> candidate set + choice -> request -> cloud -> N latents
           -> validate all -> connection closed -> select -> finish -> picture

Protects: the request is built without the choice; selection needs a sealed answer, which only
a closed connection gives; all that follows happens on this device.
Does not protect: what stands in the set for all to see (docs/privacy.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from PIL import Image

from obclip.client.device import Device, Sampling
from obclip.client.profile import Public
from obclip.client.transport import Connection, printable
from obclip.client.validate import validate
from obclip.diffusion.pairs import find
from obclip.errors import PlanError, RequestError
from obclip.privacy import CandidateSet, Expansion
from obclip.privacy.request import PublicParameters, build_request
from obclip.privacy.selection import Sealed, seal, select
from obclip.protocol.codec import Latents, decode_request
from obclip.protocol.messages import ModelInfo

#: Called with (stage, steps done, steps in all).
OnStage = Callable[[str, int, int], None]


def _silent(stage: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(slots=True)
class Report:
    """What happened, for the user's eyes: bytes, the cloud's cost, seconds by stage."""

    n: int = 1
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

    One item a candidate, (images, channels, h, w). ``asked`` is what the request said in public.
    """

    latents: Sealed[Latents]
    asked: PublicParameters


@dataclass(frozen=True, slots=True)
class Result:
    """The user's pictures, what happened, and the sealed answer they came from."""

    pictures: list[Image.Image]
    report: Report
    answer: Download
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class LocalResult:
    """The pictures of a generation without a cloud, and what happened."""

    pictures: list[Image.Image]
    report: Report


def generate(
    expansion: Expansion,
    public: Public,
    address: Callable[[], str],
    *,
    seed: int,
    images: int = 1,
    on_stage: OnStage = _silent,
) -> Result:
    """One private generation, from a candidate set to pictures.

    Args:
        address: gives the cloud's URL; asked after the device model has been loaded, so that a
            cloud may start meanwhile.
        seed: of the one initial noise that all candidates share; the cloud sees it.
        images: pictures of the prompt; all travel in one request.
    """
    public.check(images)
    pair = find(public.pair)
    report = Report()
    with report.timed("start"):
        device = Device.of(pair.device)
        server = address()
    answer = download(
        expansion.candidates, public, device, Connection(server),
        seed=seed, images=images, report=report, on_stage=on_stage,
    )  # fmt: skip
    sampling = sampling_of(public, device, pair.guidance)
    pictures = finish(expansion, answer, public, device, sampling, report=report, on_stage=on_stage)
    return Result(pictures, report, answer, sampling)


def generate_on_device(
    prompt: str,
    negative: str | None,
    public: Public,
    *,
    seed: int,
    images: int = 1,
    on_stage: OnStage = _silent,
) -> LocalResult:
    """All steps on the device model. Opens no socket and needs no candidate set."""
    public.check(images)
    pair = find(public.pair)
    report = Report()
    with report.timed("start"):
        device = Device.of(pair.device)
    sampling = sampling_of(public, device, pair.guidance)
    device.check_size(sampling.height, sampling.width)
    with report.timed("device"):
        pictures = device.finish(
            device.noise(sampling, seed, images), [prompt] * images,
            [negative] * images if negative else [], sampling, 0,
            lambda done, total: on_stage("device", done, total),
        )  # fmt: skip
    return LocalResult(pictures, report)


def parameters(public: Public, cloud: ModelInfo, images: int) -> PublicParameters:
    """The public parameters of a request; what the profile leaves open is the cloud's own."""
    return PublicParameters(
        model=cloud.name,
        plan=public.plan,
        scheduler=public.scheduler,
        steps=public.steps,
        split=public.split,
        guidance=cloud.guidance if public.guidance is None else float(public.guidance),
        height=public.side or cloud.height,
        width=public.side or cloud.width,
        images=images,
    )


def download(
    candidates: CandidateSet,
    public: Public,
    device: Device,
    connection: Connection,
    *,
    seed: int,
    images: int = 1,
    report: Report,
    on_stage: OnStage = _silent,
) -> Download:
    """Everything that crosses the wire. Sees the set, not the choice.

    The connection is closed when this returns or raises.

    Raises:
        ModelError: the cloud's model and the device's do not make a pair.
        TransportError, ServerError, ProtocolError, AnswerInvalid: as their names say.
    """
    with connection, report.timed("cloud"):
        try:
            cloud = _model(connection, public)
            device.check(cloud)
            asked = parameters(public, cloud, images)
            device.check_size(asked.height, asked.width)
            request = build_request(candidates, asked, seed)
            decode_request(request)  # what the contract refuses does not leave
            accepted = connection.submit(request)
            connection.follow(accepted, lambda p: on_stage("cloud", p.step, p.steps))
            n, factor = len(candidates.prompts), cloud.latent_factor
            shape = (
                images, n, cloud.latent_channels, asked.height // factor, asked.width // factor,
            )  # fmt: skip
            latents = connection.fetch(accepted, shape)
            validate(latents)
        finally:
            report.bytes_up, report.bytes_down = connection.bytes_up, connection.bytes_down
        report.n, report.ratio = n, accepted.ratio
    return Download(seal(tuple(latents[:, i] for i in range(n)), connection), asked)


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


def sampling_of(public: Public, device: Device, guidance: float) -> Sampling:
    """The sampling parameters that cloud and device share."""
    side = public.side or device.parts.side
    return Sampling(
        public.scheduler, public.steps,
        guidance if public.guidance is None else float(public.guidance), side, side,
    )  # fmt: skip


def finish(
    expansion: Expansion,
    answer: Download,
    public: Public,
    device: Device,
    sampling: Sampling,
    *,
    report: Report,
    on_stage: OnStage = _silent,
) -> list[Image.Image]:
    """Selects the user's latents out of a sealed answer and finishes them on this device."""
    mine = select(answer.latents, expansion.choice)
    index = expansion.choice.reveal()
    prompt = expansion.candidates.prompts[index]
    negatives = expansion.candidates.negatives
    images = len(mine)
    with report.timed("device"):
        return device.finish(
            torch.from_numpy(mine).float(), [prompt] * images,
            [negatives[index]] * images if negatives else [],
            sampling, public.split, lambda done, total: on_stage("device", done, total),
        )  # fmt: skip


def finish_all(
    candidates: CandidateSet, answer: Download, public: Public, model: Device, sampling: Sampling
) -> list[Image.Image]:
    """The first picture of every candidate of a sealed answer, in canonical order.

    For showing what the cloud could make of the set; with the cloud's own model as ``model``
    these are the very pictures it could draw.
    """
    latents = torch.stack([torch.from_numpy(item[0]).float() for item in answer.latents.items])
    return model.finish(
        latents, list(candidates.prompts), list(candidates.negatives), sampling, public.split
    )

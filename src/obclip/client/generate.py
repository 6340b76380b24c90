"""The whole story on one page: a prompt becomes a picture, and the cloud learns a set.

    prompt -> expand -> candidate set + choice -> request -> cloud -> N latents
           -> validate all -> connection closed -> select -> finish -> picture

Protects: the request is built without the choice; selection needs a sealed answer, which only
a closed connection gives; all that follows happens on this device.
Does not protect: what stands in the set for all to see (docs/privacy.md).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obclip.client.download import Download, OnStage, Report, download, silent
from obclip.client.errand import Errand
from obclip.client.profile import Public
from obclip.client.steps import device_start
from obclip.client.transport import Connection
from obclip.diffusion.compatibility import check_device, check_size, read_facts
from obclip.diffusion.pairs import Source, find
from obclip.privacy import CandidateSet, Expansion
from obclip.privacy.selection import select

if TYPE_CHECKING:
    from PIL import Image

    from obclip.client.device import Device, Sampling


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
    on_stage: OnStage = silent,
    errand: Errand | None = None,
    key: str | None = None,
) -> Result:
    """One private generation, from a candidate set to pictures.

    Args:
        address: gives the cloud's URL; asked once the device model is on its way, so that a
            cloud may start meanwhile.
        seed: of the one initial noise that all candidates share; the cloud sees it.
        images: pictures of the prompt; all travel in one request.
        errand: remembers request and answer through a crash, until the picture is written.
        key: the account's at that cloud, if it wants one.
    """
    public.check(images)
    pair = find(public.pair)
    facts = read_facts(pair.device)
    check_device(facts)
    report = Report()
    loading = _load(pair.device)  # while the cloud starts and works
    with report.timed("start"):
        server = address()
    answer = download(
        expansion.candidates, public, facts, Connection(server, key=key),
        seed=seed, images=images, report=report, on_stage=on_stage, errand=errand,
    )  # fmt: skip
    with report.timed("device model"):
        device = loading.result()
    sampling = sampling_of(answer, public)
    pictures = finish(expansion, answer, device, sampling, report=report, on_stage=on_stage)
    return Result(pictures, report, answer, sampling)


def generate_on_device(
    prompt: str,
    negative: str | None,
    public: Public,
    *,
    seed: int,
    images: int = 1,
    on_stage: OnStage = silent,
) -> LocalResult:
    """All steps on the device model. Opens no socket and needs no candidate set."""
    public.check(images)
    pair = find(public.pair)
    facts = read_facts(pair.device)
    check_device(facts)
    side = public.side or facts.side
    check_size(side, side, facts.size_step)
    report = Report()
    with report.timed("start"):
        device = _load(pair.device).result()
        from obclip.client.device import Sampling
    guidance = pair.guidance if public.guidance is None else float(public.guidance)
    sampling = Sampling(public.scheduler, public.steps, guidance, side, side)
    with report.timed("device"):
        pictures = device.finish(
            device.noise(sampling, seed, images), [prompt] * images,
            [negative] * images if negative else [], sampling, 0,
            lambda done, total: on_stage("device", done, total),
        )  # fmt: skip
    return LocalResult(pictures, report)


def _load(source: Source) -> Future[Device]:
    """The device model, being loaded in a thread: importing torch alone takes seconds."""

    def work() -> Device:
        from obclip.client.device import Device

        return Device.of(source)

    pool = ThreadPoolExecutor(1, thread_name_prefix="device-model")
    try:
        return pool.submit(work)
    finally:
        pool.shutdown(wait=False)


def sampling_of(answer: Download, public: Public) -> Sampling:
    """How the device goes on: as the cloud was asked to, unless the cloud has steps of its own."""
    from obclip.client.device import Sampling

    asked = answer.asked
    return Sampling(public.scheduler, public.steps, answer.guidance, asked.height, asked.width)


def finish(
    expansion: Expansion,
    answer: Download,
    device: Device,
    sampling: Sampling,
    *,
    report: Report,
    on_stage: OnStage = silent,
) -> list[Image.Image]:
    """Selects the user's latents out of a sealed answer and finishes them on this device."""
    import torch

    mine = select(answer.latents, expansion.choice)
    index = expansion.choice.reveal()
    prompt = expansion.candidates.prompts[index]
    negatives = expansion.candidates.negatives
    images = len(mine)
    with report.timed("device"):
        return device.finish(
            torch.from_numpy(mine).float(), [prompt] * images,
            [negatives[index]] * images if negatives else [],
            sampling, device_start(answer.asked, sampling, device),
            lambda done, total: on_stage("device", done, total),
        )  # fmt: skip


def drawn_by_the_cloud(
    candidates: CandidateSet, answer: Download, model: Device
) -> list[Image.Image]:
    """What the cloud could draw of a sealed answer: a picture a candidate, in canonical order.

    Args:
        model: the cloud's own, with its decoder.
    """
    import torch

    from obclip.client.device import Sampling

    asked = answer.asked
    sampling = Sampling(
        asked.scheduler, asked.steps, asked.guidance, asked.height, asked.width, answer.seed
    )
    latents = torch.stack([torch.from_numpy(item[0]).float() for item in answer.latents.items])
    return model.finish(
        latents, list(candidates.prompts), list(candidates.negatives), sampling, asked.split
    )

"""Draws one prompt by one method, as a user would get it, and counts what that took."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import torch
from PIL import Image

from obclip.client.device import Device, Sampling
from obclip.client.sizes import sizes_of, with_sizes
from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import make_plan
from obclip.cloud.schedule import stepped
from obclip.diffusion.decode import decode
from obclip.diffusion.handover import start_of
from obclip.diffusion.pairs import Pair
from obclip.diffusion.sampling import make_scheduler
from obclip.evaluation.bench.prompts import Set
from obclip.evaluation.bench.rows import Row
from obclip.evaluation.peers import dp, he
from obclip.privacy import CandidateSet, PublicParameters, build_request
from obclip.protocol.codec import encode_latents


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture with its seconds by place and its bytes by direction."""

    picture: Image.Image
    cloud: float
    device: float
    up: int
    down: int
    extra: dict[str, float]


class Painter:
    """A pair, loaded once, that draws by any method.

    ``sampling`` is the device's, and the cloud's too unless the pair's cloud steps differently
    (LCM: its own scheduler, steps and split, no unconditional pass; the device goes on at its
    nearest timestep). Both models may stand on an accelerator.
    """

    def __init__(self, pair: Pair, cloud: Device, device: Device, sampling: Sampling) -> None:
        self.pair, self.cloud, self.device, self.sampling = pair, cloud, device, sampling
        self.engine = Engine(cloud.parts)
        self.place = device.parts.unet.device
        own = pair.cloud_steps
        self.clouds = (
            sampling if own is None
            else replace(sampling, scheduler=own.scheduler, steps=own.steps, guidance=1.0)
        )  # fmt: skip
        self._vocabulary: dp.Vocabulary | None = None

    @property
    def vocabulary(self) -> dp.Vocabulary:
        """The pair's words, for differential privacy; read once."""
        if self._vocabulary is None:
            self._vocabulary = dp.Vocabulary.of(self.cloud.parts)
        return self._vocabulary

    def draw(self, row: Row, wanted: Set, split: int) -> Drawn:
        """One picture of the asked-for member."""
        if row.method == "device-only":
            return self._finish(row, wanted, None, 0, 0.0)
        if row.method == "he-diffusion":
            return self._homomorphic(row, wanted)
        sent, at = self._sent(row, wanted)
        steps = self.clouds.steps
        upto = self.split(split) if row.splits else steps
        sizes = sizes_of(wanted.candidates)
        start = time.perf_counter()
        plan = make_plan(
            row.plan, len(sent), steps, upto, sizes if len(sent) > 1 else None,
            schedule=stepped(self.cloud.parts.schedule, self.clouds.scheduler),
        )  # fmt: skip
        latents = self.engine.run(self._job(sent, wanted.seed), plan)
        spent = time.perf_counter() - start
        return self._finish(row, wanted, latents[0], upto, spent, at)

    def split(self, wanted: int) -> int:
        """Steps of the cloud; a pair whose cloud steps differently has its own."""
        own = self.pair.cloud_steps
        return wanted if own is None else own.split

    def _start(self, upto: int) -> int:
        """The device's first step after ``upto`` of the cloud's."""
        if self.pair.cloud_steps is None:
            return upto
        cloud, device = (
            make_scheduler(s.scheduler, m.parts.scheduler_config, s.steps).timesteps.tolist()
            for s, m in ((self.clouds, self.cloud), (self.sampling, self.device))
        )
        return start_of(cloud, upto, device)

    def _sent(self, row: Row, wanted: Set) -> tuple[list[str], int]:
        """What the cloud is asked for, and which of it is taken."""
        members = list(wanted.candidates.prompts)
        if row.method in ("oblivious", "vanilla"):
            return members, wanted.own
        if row.method == "substitution":  # any member, the own one as likely as the others
            return [Random(wanted.seed).choice(members)], 0  # noqa: S311
        if row.epsilon is not None:
            return [self.sanitised(row, wanted)], 0
        return [wanted.prompt], 0

    def sanitised(self, row: Row, wanted: Set) -> str:
        """The prompt as differential privacy sends it."""
        mechanism = dp.Mechanism(row.method, row.epsilon or 0.0, self.vocabulary)
        sensitive = dp.sensitive_tokens(self.vocabulary, wanted.candidates.prompts)
        rng = np.random.default_rng(wanted.seed)
        return self.vocabulary.text(mechanism.sanitise(wanted.prompt, sensitive, rng))

    def _job(self, sent: list[str], seed: int) -> Job:
        s = self.clouds
        return Job(
            prompts=sent, negatives=(), scheduler=s.scheduler, guidance=s.guidance,
            height=s.height, width=s.width, images=1, seed=seed,
        )  # fmt: skip

    def _finish(
        self, row: Row, wanted: Set, latents: torch.Tensor | None, upto: int, spent: float,
        at: int = 0,
    ) -> Drawn:  # fmt: skip
        sampling = self.sampling
        start = time.perf_counter()
        mine = self.device.noise(sampling, wanted.seed, 1) if latents is None else latents[[at]]
        up = down = 0
        whole = latents is not None and upto == self.clouds.steps
        if whole:
            (picture,) = decode(self.cloud.parts, mine.to(self.place))
        else:
            texts, first = [wanted.prompt], self._start(upto)
            if latents is not None:
                mine = mine.half().float()  # as the wire carries them
            (picture,) = self.device.finish(mine.to(self.place), texts, [], sampling, first)
        device = time.perf_counter() - start
        if latents is not None:
            up = len(self.request(row, wanted, upto))
            down = len(encode_latents(latents[None].half().numpy()))
        if whole and row.method != "vanilla":
            spent, device = spent + device, 0.0  # the cloud decodes, a picture comes back
            down = len(_png(picture))
        return Drawn(picture, spent, device, up, down, {})

    def request(self, row: Row, wanted: Set, upto: int) -> bytes:
        """The bytes that leave the device, in the product's own form whatever the method."""
        s = self.clouds
        public = PublicParameters(
            model=self.pair.name, plan=row.plan, steps=s.steps, split=upto,
            guidance=s.guidance, scheduler=s.scheduler, height=s.height, width=s.width,
        )  # fmt: skip
        sent, _ = self._sent(row, wanted)
        found = wanted.candidates
        if len(sent) == 1:
            found = CandidateSet((sent[0],), (), (), found.table_version)
        return with_sizes(build_request(found, public, wanted.seed), found)

    def _homomorphic(self, row: Row, wanted: Set) -> Drawn:
        sampling = replace(self.sampling, scheduler="ddim")
        noise = self.cloud.noise(sampling, wanted.seed, 1)
        measured = he.Measured()
        start = time.perf_counter()
        latents = he.run(self.cloud, wanted.prompt, sampling, noise, measured)
        (picture,) = decode(self.cloud.parts, latents.to(self.place))
        spent = time.perf_counter() - start
        up = len(self.request(row, wanted, sampling.steps)) + measured.ciphertext
        extra = {f"seconds: {k}": v for k, v in measured.seconds.items()}
        extra |= {"encrypted share": measured.share, "steps": float(measured.steps)}
        # a ciphertext goes each way at every step: the one who decrypts is not the one who computes
        return Drawn(picture, spent, 0.0, up, measured.ciphertext + len(_png(picture)), extra)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()

"""What sharing the work costs in quality: whole sets drawn under several plans and judged.

Every candidate of a set is finished by the device and judged, not the user's own alone: a plan
must serve whichever member is the user's. Texts are encoded once a set, and the device finishes
the candidates of all plans in common batches; neither changes a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from obclip.client.device import Device, Sampling
from obclip.client.sizes import sizes_of
from obclip.cloud.engine import Engine, Job
from obclip.cloud.plan import Plan
from obclip.cloud.planner import build
from obclip.cloud.recipe import Recipe
from obclip.diffusion.decode import decode
from obclip.diffusion.denoiser import Conditioning, Denoiser
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Pair
from obclip.evaluation.benchmark import Case
from obclip.evaluation.judge import Judge
from obclip.evaluation.quality import pixels

#: Rows of one device batch (each with and without its prompt).
BATCH = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """One set under one plan as the judge sees it, a row a candidate.

    Attributes:
        pictures: uint8 (n, 3, h, w). features: (n, 256).
        values: the likeliest class of each asked-for attribute, candidate by candidate.
        sure: the judge's probability of the class that was asked for.
    """

    pictures: Tensor
    features: Tensor
    values: tuple[dict[str, str], ...]
    sure: tuple[dict[str, float], ...]


class Remembered:
    """A denoiser that encodes a text once; sizes of pictures may not change meanwhile."""

    def __init__(self, inner: Denoiser) -> None:
        self.inner = inner
        self._rows: dict[str, int] = {}
        self._table: Conditioning | None = None
        self._empty: Conditioning | None = None

    def forget(self) -> None:
        """Drops the texts of the last set."""
        self._rows, self._table = {}, None

    def encode(self, prompts: Sequence[str], height: int, width: int) -> Conditioning:
        new = [p for p in dict.fromkeys(prompts) if p not in self._rows]
        if new:
            found = self.inner.encode(new, height, width)
            self._table = found if self._table is None else Conditioning.join(self._table, found)
            self._rows |= {p: len(self._rows) + i for i, p in enumerate(new)}
        assert self._table is not None  # noqa: S101 no prompt, no row
        return self._table.rows([self._rows[p] for p in prompts])

    def encode_empty(self, times: int, height: int, width: int) -> Conditioning:
        if self._empty is None:
            self._empty = self.inner.encode_empty(1, height, width)  # type: ignore[attr-defined]
        return self._empty.repeat(times)

    def predict(self, latents: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
        return self.inner.predict(latents, timestep, cond)


class Studio:
    """A pair and a judge, ready to draw sets under plans. The pair's own sizes and guidance."""

    def __init__(
        self, pair: Pair, judge: Judge, *, steps: int, split: int, scheduler: str = "dpm++",
        batch: int = BATCH, dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        self.engine = Engine(load(pair.cloud, vae=False), batch=2 * batch)
        self.device = Device(load(pair.device))
        for parts in (self.engine.parts, self.device.parts):  # texts and decoder stay as they are
            parts.unet.to(dtype)
        self.judge, self.split, self.batch = judge, split, batch
        side = self.engine.parts.side
        self.sampling = Sampling(scheduler, steps, pair.guidance, side, side)
        self._texts = Remembered(self.engine.denoiser), Remembered(self.device.denoiser)
        self.engine.denoiser, self.device.denoiser = self._texts  # type: ignore[assignment]

    def plan(self, name: str, recipe: Recipe, case: Case) -> Plan:
        """The plan of a recipe for a benchmark set, as a server makes it."""
        return build(
            recipe, case.candidates.n, self.sampling.steps, self.split,
            sizes_of(case.candidates) or None, self.engine.parts.schedule, name=name,
        )  # fmt: skip

    def draw(self, case: Case, plans: Mapping[str, Plan]) -> dict[str, Seen]:
        """The pictures of all candidates under each plan, judged.

        Raises:
            PlanError: a plan that does not fit the set or the model.
        """
        return self.finish(case, self.hand(case, plans))

    def hand(self, case: Case, plans: Mapping[str, Plan]) -> dict[str, Tensor]:
        """What the device is handed under each plan: latents (n, c, h, w), a row a candidate."""
        for texts in self._texts:
            texts.forget()
        s = self.sampling
        job = Job(
            list(case.candidates.prompts), (), s.scheduler, s.guidance, s.height, s.width, 1,
            case.entry.seed,
        )  # fmt: skip
        # the wire carries fp16
        return {n: self.engine.run(job, plan)[0].half().float() for n, plan in plans.items()}

    @torch.inference_mode()
    def finish(self, case: Case, handed: Mapping[str, Tensor]) -> dict[str, Seen]:
        """Finishes what was handed over and judges it."""
        prompts = list(case.candidates.prompts)
        rows, asked = torch.cat(list(handed.values())), prompts * len(handed)
        done = [
            self.device.finish_latents(
                rows[i : i + self.batch], asked[i : i + self.batch], [], self.sampling, self.split
            )
            for i in range(0, len(rows), self.batch)
        ]
        pictures = pixels([p for part in done for p in decode(self.device.parts, part)])
        parts = torch.split(pictures, len(prompts))
        return {name: self.see(p, case) for name, p in zip(handed, parts, strict=True)}

    def see(self, pictures: Tensor, case: Case) -> Seen:
        """Judges uint8 pictures (n, 3, h, w) of a set's candidates, in canonical order."""
        verdict = self.judge(pictures)
        likeliest = {name: verdict.values(name) for name in verdict.classes}
        values = tuple(
            {name: likeliest[name][i] for name in asked} for i, asked in enumerate(case.asked)
        )
        sure = tuple(
            {
                name: float(verdict.probabilities[name][i, verdict.classes[name].index(value)])
                for name, value in asked.items()
            }
            for i, asked in enumerate(case.asked)
        )
        return Seen(pictures, verdict.features, values, sure)


def hand_over_loss(found: Tensor, exact: Tensor) -> tuple[list[float], list[float]]:
    """How far latents at the hand-over are from those of ``exact``, candidate by candidate.

    Args:
        found, exact: (n, channels, h, w), candidates in the same order.

    Returns:
        The distance to ``exact``, as a share of the candidates' mean distance from their mean, and
        how much of what the candidate differs by from the set's mean is there: 1 for all of it,
        less for a candidate that is drawn to the mean. Both empty for a set of one.
    """
    if len(exact) == 1:
        return [], []
    own, other = (z.flatten(1) - z.flatten(1).mean(0) for z in (exact, found))
    spread = own.norm(dim=1).mean()
    far = (found - exact).flatten(1).norm(dim=1) / spread
    kept = (own * other).sum(1) / own.square().sum(1).clamp(min=1e-12)
    return far.tolist(), kept.tolist()

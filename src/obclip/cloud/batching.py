"""Step-level continuous batching: runs of several jobs share model calls, pass by pass.

A run is the engine's own code (``Engine.run``), the same that runs alone. Where it would call the
model it hands its rows to a loop (``loop.py``), which joins the passes of several runs.

Protects: jobs share rows of a call and nothing else.
Does not protect: how long a call takes depends on who else is there (docs/privacy.md, load).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from obclip.cloud.attention import Memory
from obclip.cloud.engine import Engine, Job, OnStep
from obclip.cloud.passes import Passes
from obclip.cloud.plan import Features, Kind, Plan
from obclip.cloud.scheduler import Want
from obclip.cloud.unet import Kept, unet_pass
from obclip.diffusion.denoiser import Conditioning, dtype_of
from obclip.diffusion.loading import Parts

#: What a pass costs as a share of a whole one: rough, for fairness alone (see ``cost.py``).
_SHARE = {Features.FULL: 1.0, Features.SHALLOW: 0.3, Features.SKIP: 0.6}

Answer = tuple[Tensor, Kept | None]


@dataclass(slots=True)
class Call:
    """One pass of one run: what ``unet_pass`` is given."""

    rows: Tensor
    timestep: Tensor
    text: Conditioning
    kind: Kind
    entry: Kept | None
    keep: Kind | None
    memory: Memory | None

    def want(self, bytes_a_cell: float) -> Want:
        """The pass as the scheduler sees it: numbers, and what it fits together with."""
        count, *shape = self.rows.shape
        cells = int(self.rows.shape[-2] * self.rows.shape[-1])
        key = (
            tuple(shape), self.rows.dtype, self.timestep.dtype, self.text.states.shape[1:],
            self.kind, None if self.entry is None else len(self.entry.skips),
        )  # fmt: skip
        return Want(
            key=key, extra=self.keep, rows=count, memory=round(count * cells * bytes_a_cell),
            work=count * cells * _SHARE[self.kind.features],
            alone=self.memory is not None,  # maps and layers' outputs belong to one run
        )  # fmt: skip


def together(engine: Engine, calls: list[Call]) -> list[Answer]:
    """The passes of several runs as one model call; one alone is called as ``Engine`` would."""
    if len(calls) == 1:
        return [_pass(engine, calls[0])]
    first = calls[0]
    rows = torch.cat([call.rows for call in calls])
    steps = torch.cat([call.timestep.expand(len(call.rows)) for call in calls])
    text = first.text
    for call in calls[1:]:
        text = Conditioning.join(text, call.text)
    entries = [call.entry for call in calls if call.entry is not None]
    entry = Kept.join(entries) if entries else None
    keep = next((call.keep for call in calls if call.keep is not None), None)
    out, kept = _pass(engine, Call(rows, steps, text, first.kind, entry, keep, None))
    answers, start = [], 0
    for call in calls:
        part = slice(start, start + len(call.rows))
        mine = None
        if kept is not None and call.keep is not None:
            # a copy: a view would hold the rows of all others as long as this run lives
            mine = Kept(kept.hidden[part].clone(), tuple(s[part].clone() for s in kept.skips))
        answers.append((out[part], mine))
        start = part.stop
    return answers


def _pass(engine: Engine, call: Call) -> Answer:
    unet = engine.parts.unet
    timestep = call.timestep.to(unet.device)
    if engine.odd(call.kind):  # checked before: a plain pass of an odd model
        return engine.denoiser.predict(call.rows, timestep, call.text), None
    return unet_pass(
        unet, call.rows.to(dtype_of(unet)), timestep, call.text, kind=call.kind, entry=call.entry,
        keep=call.keep, memory=call.memory,
    )  # fmt: skip


class Caller(Protocol):
    """Who makes the calls."""

    def call(self, call: Call) -> Answer:
        """The answer to one pass; may take until others have had their turn."""
        ...


@dataclass(slots=True)
class SharedPasses(Passes):
    """Passes that are handed to the loop."""

    loop: Caller | None = None

    def _run(
        self, rows: Tensor, timestep: Tensor, text: Conditioning, kind: Kind, entry: Kept | None,
        keep: Kind | None, memory: Memory | None,
    ) -> Answer:  # fmt: skip
        assert self.loop is not None  # noqa: S101 made with one
        return self.loop.call(Call(rows, timestep, text, kind, entry, keep, memory))


class SharedEngine(Engine):
    """An engine whose runs share model calls."""

    def __init__(self, parts: Parts, loop: Caller, *, batch: int) -> None:
        super().__init__(parts, batch=batch)
        self.loop = loop

    def _passes(self, job: Job, plan: Plan, on_step: OnStep | None) -> Passes:
        plain = super()._passes(job, plan, on_step)
        same = {field.name: getattr(plain, field.name) for field in fields(plain)}
        return SharedPasses(**same, loop=self.loop)

"""Model passes of one run: rows are cut into batches, and what later passes reuse is kept.

Rows stand unconditional ones first, then conditional ones, each image by image. Batches cap the
memory and never change the result: kept features are cut as the rows are, and a pivot's queries
and keys are handed from one batch to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from obclip.cloud.attention import Memory
from obclip.cloud.plan import Attention, Features, Kind, Plan
from obclip.cloud.unet import Kept, unet_pass
from obclip.diffusion.denoiser import Conditioning, Denoiser, dtype_of


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that go through the model together; ``group`` shares one pivot and one memory."""

    rows: slice
    group: int


def chunks(plan: Plan, index: int, images: int, batch: int, *, guidance: bool) -> list[Chunk]:
    """How the rows of step ``index`` are cut."""
    step = plan.program[index]
    parts = ([step.unconditional] if guidance and step.unconditional else []) + [step.conditional]
    apart = step.kind.attention is not Attention.OWN or plan.records(index)
    # a map is shared within one picture and one half, so such rows are cut there too
    sizes = [n for n in parts for _ in range(images)] if apart else [sum(parts) * images]
    out, start = [], 0
    for group, size in enumerate(sizes):
        for i in range(0, size, batch):
            out.append(Chunk(slice(start + i, start + min(i + batch, size)), group))
        start += size
    return out


@dataclass(slots=True)
class Passes:
    """Runs the passes of one request on one UNet. Holds what one step leaves for the next."""

    unet: Any
    denoiser: Denoiser
    plan: Plan
    images: int
    batch: int
    guidance: bool
    on_call: Callable[[], None]
    odd: Callable[[Kind], bool]
    _kept: dict[str, Kept] = field(default_factory=dict)  # by half
    _memories: dict[int, Memory] = field(default_factory=dict)  # by first row

    def __call__(
        self, index: int, timestep: Tensor, uncond: Tensor | None, cond: Tensor,
        texts: tuple[Conditioning, Conditioning],
    ) -> tuple[Tensor | None, Tensor]:  # fmt: skip
        """Predictions of step ``index``, fp32, for its unconditional and conditional rows.

        Args:
            uncond, cond: latents (rows, channels, h, w); None leaves the pass out.
            texts: conditioning of the two, a row each.
        """
        kind = self.plan.program[index].kind
        keep = self.plan.keep(index)
        border = 0 if uncond is None else len(uncond)
        rows = cond if uncond is None else torch.cat([uncond, cond])
        text = texts[1] if uncond is None else Conditioning.join(*texts)
        entry = self._entry(kind, border)
        outs, kept = [], []
        pivots: dict[int, dict[Any, tuple[Tensor, Tensor]]] = {}
        memories: dict[int, Memory] = {}
        for chunk in chunks(self.plan, index, self.images, self.batch, guidance=self.guidance):
            memory = self._memory(index, chunk, pivots.setdefault(chunk.group, {}))
            if memory is not None:
                memories[chunk.rows.start] = memory
            out, left = self._run(
                rows[chunk.rows], timestep, text.rows(chunk.rows), kind,
                None if entry is None else entry.rows(chunk.rows), keep, memory,
            )  # fmt: skip
            outs.append(out.float())
            if left is not None:
                kept.append(left)
            self.on_call()
        self._memories = memories
        if kind.features is Features.FULL:
            self._kept = {}
        if kept:
            whole = Kept.join(kept)
            self._kept = {"cond": whole.rows(slice(border, None))}
            if border:
                self._kept["uncond"] = whole.rows(slice(0, border))
        out = torch.cat(outs) if len(outs) > 1 else outs[0]
        return (out[:border] if border else None), out[border:]

    def _run(
        self, rows: Tensor, timestep: Tensor, text: Conditioning, kind: Kind, entry: Kept | None,
        keep: Kind | None, memory: Memory | None,
    ) -> tuple[Tensor, Kept | None]:  # fmt: skip
        if self.odd(kind):  # checked before: a plain pass of an odd model
            return self.denoiser.predict(rows, timestep, text), None
        rows = rows.to(dtype_of(self.unet))
        return unet_pass(
            self.unet, rows, timestep, text, kind=kind, entry=entry, keep=keep, memory=memory
        )

    def _entry(self, kind: Kind, border: int) -> Kept | None:
        if kind.features is Features.FULL:
            return None
        if not border:
            return self._kept["cond"]
        # a common pass leaves one row a picture, for all of its nodes
        whole = self._kept["uncond"]
        return Kept.join([whole.each(border // len(whole.hidden)), self._kept["cond"]])

    def _memory(
        self, index: int, chunk: Chunk, pivots: dict[Any, tuple[Tensor, Tensor]]
    ) -> Memory | None:
        mode, record = self.plan.program[index].kind.attention, self.plan.records(index)
        if mode is Attention.CACHED:
            memory = self._memories[chunk.rows.start]
            memory.mode, memory.record = mode, False
            return memory
        if mode is Attention.PIVOT or record:
            return Memory(mode, record, pivots=pivots)
        return None

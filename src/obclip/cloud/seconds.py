"""How long a plan will take, from a short calibration of the loaded model on this machine.

Seconds of a call are taken as linear in its rows: two points each kind, the best of a few runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

from obclip.cloud.passes import chunks
from obclip.cloud.plan import Kind, Plan
from obclip.cloud.sample import sample_call


@dataclass(frozen=True, slots=True)
class Seconds:
    """Seconds of a call of each kind: ``fixed + rows * each``."""

    kinds: dict[Kind, tuple[float, float]]

    def of(self, plan: Plan, *, batch: int, images: int = 1, guidance: bool = True) -> float:
        """Predicted seconds of all model calls of a plan.

        Raises:
            KeyError: a kind that was not calibrated.
        """
        total = 0.0
        for index, step in enumerate(plan.program):
            fixed, each = self.kinds[step.kind]
            for chunk in chunks(plan, index, images, batch, guidance=guidance):
                total += fixed + each * (chunk.rows.stop - chunk.rows.start)
        return total


@torch.inference_mode()
def calibrate(
    unet: Any, plan: Plan, height: int, width: int, tokens: int, *, rows: int = 4, runs: int = 3,
    known: Seconds | None = None,
) -> Seconds:  # fmt: skip
    """Times the kinds of call that ``plan`` makes, with one row and with ``rows``.

    Args:
        height, width: of the latents, in cells.
        known: an earlier calibration; its kinds are not timed again.
    """
    found = {} if known is None else dict(known.kinds)
    for kind in ({step.kind for step in plan.program} | {Kind()}) - set(found):
        one, many = (
            _best(sample_call(unet, height, width, tokens, kind, n), runs, unet.device.type)
            for n in (1, rows)
        )
        each = max(0.0, (many - one) / (rows - 1))
        found[kind] = (max(0.0, one - each), each)
    return Seconds(found)


def _best(call: Any, runs: int, device: str) -> float:
    call()
    best = float("inf")
    for _ in range(runs):
        _wait(device)
        start = time.perf_counter()
        call()
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()

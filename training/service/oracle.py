"""What the right answer is: the engine driven directly, in this process, for the same request."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from obclip.protocol.codec import Latents, decode_request
from obclip.protocol.messages import GenerateRequest

#: fp16 keeps three digits, and a batch of another size changes the last of fp32's.
TOLERANCE = 0.01


def tiny_pair(folder: Path) -> str:
    """Two tiny random-weight models, so that the service is what is measured."""
    from tests.tiny import write_pair

    if (folder / "device" / "model_index.json").exists():
        return f"{folder / 'cloud'},{folder / 'device'}"
    return write_pair(folder)


class Oracle:
    """One engine and no service."""

    def __init__(self, pair: str) -> None:
        self.pair = pair

    @cached_property
    def engine(self) -> Any:
        from obclip.cloud.engine import Engine
        from obclip.diffusion.loading import load
        from obclip.diffusion.pairs import find

        return Engine(load(find(self.pair).cloud, vae=False), batch=32)

    def answer(self, request: GenerateRequest) -> Latents:
        """Latents (images, n, channels, h, w) as the wire would carry them."""
        job, plan = engine_call(request, self.engine)
        latents: Latents = self.engine.run(job, plan).half().numpy()
        return latents

    def right(self, request: bytes, got: Latents) -> bool:
        """Is ``got`` the answer to these bytes?"""
        return same(self.answer(decode_request(request)), got)


def same(expected: Latents, got: Latents) -> bool:
    """Equal but for the last digits."""
    if expected.shape != got.shape:
        return False
    gap = np.abs(expected.astype(np.float32) - got.astype(np.float32))
    return bool(np.isfinite(gap).all() and gap.max() <= TOLERANCE * (1 + np.abs(expected).max()))


def engine_call(request: GenerateRequest, engine: Any) -> tuple[Any, Any]:
    """(job, plan) of a request, as the server makes them."""
    from obclip.cloud.engine import Job
    from obclip.cloud.planner import make_plan

    job = Job(
        prompts=request.prompts, negatives=request.negatives, scheduler=request.scheduler,
        guidance=request.guidance, height=request.height, width=request.width,
        images=request.images, seed=request.seed,
    )  # fmt: skip
    plan = make_plan(
        request.plan, request.n, request.steps, request.split, request.sizes or None,
        engine.parts.schedule,
    )  # fmt: skip
    return job, plan

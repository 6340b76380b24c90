"""Memory: what is free, and what a job will take, counted from the very calls it will make."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import torch

from obclip.cloud.cost import frozen, meta_unet
from obclip.cloud.engine import Engine
from obclip.cloud.memory import peak_bytes
from obclip.cloud.plan import Kind, Plan
from obclip.cloud.planner import make_plan
from obclip.cloud.sample import kept_bytes
from obclip.errors import ObclipError
from obclip.protocol.messages import GenerateRequest

#: Of what is free at the start, the share that is used; the rest is the system's and the kernels'.
SHARE = 0.7
_CGROUP = Path("/sys/fs/cgroup")


def free_host() -> int:
    """Bytes this process may still take of the machine, its control group's limit included."""
    free = int(psutil.virtual_memory().available)
    try:
        most = (_CGROUP / "memory.max").read_text()
        used = int((_CGROUP / "memory.current").read_text())
        free = min(free, int(most) - used) if most.strip() != "max" else free
    except (OSError, ValueError):
        pass
    return max(0, free)


def free_device(device: torch.device) -> int:
    """Bytes that are free where the model is."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_host()


class Footprint:
    """What calls and runs of one engine take, in bytes.

    Counted once at the model's own size; both grow with the number of latent cells.
    """

    def __init__(self, engine: Engine) -> None:
        parts = engine.parts
        self._parts = parts
        self._config: dict[str, Any] = dict(parts.unet.config)
        self._side = int(parts.side // parts.latent_factor)
        self._tokens = int(parts.tokenizers[0].model_max_length)
        self._element = int(parts.unet.dtype.itemsize)
        self.a_cell = self._call() / self._side**2

    def _call(self) -> int:
        """Bytes of a call of one row at the model's own size."""
        weights = sum(p.numel() for p in self._parts.unet.parameters()) * self._element
        try:
            whole = peak_bytes(
                make_plan("exact", 1, 1, 1), self._config, self._side, self._side, self._tokens,
                batch=1, element=self._element,
            )  # fmt: skip
        except (ObclipError, AttributeError, TypeError):  # a UNet of a kind that plans do not know
            widest = int(max(self._config["block_out_channels"]))
            return 64 * self._element * self._side**2 * widest
        return int(whole - weights)

    def row(self, request: GenerateRequest) -> int:
        """Bytes of one row of a call."""
        return round(self.a_cell * self._cells(request))

    def held(self, request: GenerateRequest, plan: Plan) -> int:
        """Bytes a run holds between its calls: latents, text, features kept for later steps."""
        cells, parts = self._cells(request), self._parts
        apart = request.guidance > 1  # unconditional passes are made
        rows = max((s.conditional + apart * s.unconditional for s in plan.program), default=plan.n)
        rows *= request.images
        # latents, scaled ones, predictions, the solver's two past outputs, guidance: fp32
        latents = 7 * 4 * rows * cells * parts.latent_channels
        width = self._config["cross_attention_dim"]
        width = width if isinstance(width, int) else max(width)
        text = 3 * (rows + 2 * plan.n) * self._tokens * width * self._element
        kept = max((self._kept(step.kind) for step in plan.program), default=0.0)
        return round(latents + text + rows * cells * kept)

    def _cells(self, request: GenerateRequest) -> int:
        return request.height * request.width // int(self._parts.latent_factor) ** 2

    def _kept(self, kind: Kind) -> float:
        """Bytes a cell of a row."""
        if kind == Kind():
            return 0.0
        count = _kept(frozen(self._config), self._side, self._tokens, kind)
        return count / 4 * self._element / self._side**2


@lru_cache(maxsize=64)
def _kept(config: tuple[tuple[str, Any], ...], side: int, tokens: int, kind: Kind) -> int:
    return kept_bytes(meta_unet(config), side, side, tokens, kind)

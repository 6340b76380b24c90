"""``serve --compile``: what was compiled on the main thread holds on the engine's."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import torch
from torch._dynamo.utils import counters

from obclip.cloud.compiled import compile_layers
from obclip.cloud.engine import Engine
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import find
from obclip.server.embedded import Embedded, model_info
from obclip.server.settings import Settings
from tests.tiny import write
from tests.wire import request


def test_every_layer_is_compiled_on_the_engines_thread(tmp_path: Path) -> None:
    folder = write(tmp_path / "sd", widths=(32, 64, 96))  # more shapes than torch's own limit
    pair = find(f"{folder},{folder}")
    parts = load(pair.cloud, vae=False)
    parts.unet.to(memory_format=torch.channels_last)
    torch.compiler.reset()
    counters.clear()
    layers = compile_layers(parts.unet, backend="eager")
    engine = Engine(parts)
    backend = Embedded(
        engine, model_info(pair.name, engine, pair.guidance),
        Settings(pair=pair.name, threads=1, memory=1 << 30),
    )  # fmt: skip
    try:
        for plan in ("exact", "balanced"):
            _run(backend, plan, pair.name)
    finally:
        backend.close()
    frames = counters["frames"]
    assert layers and frames["total"] > 8, "too few kinds to reach torch's own limit"
    assert frames["ok"] == frames["total"]


def _run(backend: Embedded, plan: str, pair: str) -> None:
    ended, told = threading.Event(), []

    def end(answer: Any, error: BaseException | None) -> None:
        told.append(error)
        ended.set()

    asked = request(model=pair, plan=plan, steps=12, split=6)
    backend.submit(plan, "tenant", asked, 0, lambda done, total: None, end)
    assert ended.wait(60)
    assert told == [None]

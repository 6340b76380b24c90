"""Compiled layers compute what plain ones do, under every kind of pass."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch._dynamo.utils import counters

from obclip.cloud.compiled import compile_layers
from obclip.cloud.engine import Engine
from tests.cloud.test_techniques import JOB, plan


@pytest.mark.parametrize("name", ["balanced", "paper-reuse"])
def test_compiled_layers_change_nothing(engine: Engine, name: str) -> None:
    job = replace(JOB, images=1)
    unet = copy.deepcopy(engine.parts.unet)
    layers = compile_layers(unet, backend="eager")
    other = Engine(replace(engine.parts, unet=unet))
    compiled = {m for m in unet.modules() if getattr(m, "_compiled_call_impl", None) is not None}
    assert {type(m).__name__ for m in compiled} == {"ResnetBlock2D", "FeedForward"}
    assert len(compiled) == layers
    torch.testing.assert_close(
        other.run(job, plan(name)), engine.run(job, plan(name)), rtol=1e-4, atol=1e-4
    )


def test_every_layer_is_compiled_whatever_the_memory_layout(engine: Engine) -> None:
    unet = copy.deepcopy(engine.parts.unet).to(memory_format=torch.channels_last)
    torch.compiler.reset()
    counters.clear()
    compile_layers(unet, backend="eager")
    other = Engine(replace(engine.parts, unet=unet))
    for name in ("exact", "balanced"):
        other.run(JOB, plan(name))
    frames = counters["frames"]
    assert frames["total"] > 8, "too few kinds to reach torch's own limit"
    assert frames["ok"] == frames["total"]

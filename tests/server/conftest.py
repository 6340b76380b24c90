from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from obclip.cloud.engine import Engine
from obclip.cloud.engine import Job as EngineJob
from obclip.cloud.plan import Plan
from tests.conftest import running


class Gate:
    """Holds every run of the engine until opened; ``fail`` makes runs raise instead."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.fail: BaseException | None = None

    def run(self, engine: Engine, job: EngineJob, plan: Plan, on_step: Any = None) -> torch.Tensor:
        n = 0
        while not self.open.wait(0.01):
            n += 1
            on_step(min(n, plan.split), plan.split)
        if self.fail is not None:
            raise self.fail
        return torch.zeros(job.images, plan.n, 4, job.height // 8, job.width // 8)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(Engine, "run", lambda *a, **k: gate.run(*a, **k))
    yield gate
    gate.open.set()


@pytest.fixture
def held(tiny_pair: str, gate: Gate) -> Iterator[str]:
    """The address of a cloud of two places whose engine waits at the gate."""
    with running(tiny_pair, queue=2, keep_seconds=60.0) as address:
        yield address


def until(condition: Any, seconds: float = 60.0) -> None:
    """Waits for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)

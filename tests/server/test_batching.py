"""Runs of several users share model calls, and each gets what it would get alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from obclip.cloud import loop as loop_module
from obclip.cloud.engine import Engine, Job
from obclip.cloud.loop import Cancelled, Loop
from obclip.cloud.planner import make_plan
from obclip.diffusion.loading import Parts, load
from obclip.diffusion.pairs import Source, find
from tests.tiny import write

#: Largest difference of a latent from the same job's run alone, in fp32 (docs/protocol.md).
TOLERANCE = 1e-4

JOB = Job(
    prompts=("a woman", "a man"), negatives=(), scheduler="dpm++", guidance=4.0,
    height=64, width=64, images=1, seed=9,
)  # fmt: skip
#: (tenant, job, plan): other plans, sizes, schedulers, N, T and k, and steps that never meet.
MIXED = [
    ("a", JOB, make_plan("exact", 2, 8, 4)),
    ("b", replace(JOB, seed=1, scheduler="ddim"), make_plan("exact", 2, 12, 5)),
    ("a", replace(JOB, seed=2, images=2), make_plan("fast", 2, 20, 9, (2,))),
    ("c", replace(JOB, seed=3, prompts=tuple("abcdef")), make_plan("balanced", 6, 20, 9, (2, 3))),
    ("c", replace(JOB, seed=4, prompts=tuple("abcdef")), make_plan("fast", 6, 20, 9, (2, 3))),
    ("d", replace(JOB, seed=5), make_plan("paper-cache", 2, 10, 5)),
    ("d", replace(JOB, seed=6), make_plan("paper-reuse", 2, 10, 5)),
    ("e", replace(JOB, seed=7, height=128), make_plan("exact", 2, 8, 4)),
    ("e", replace(JOB, seed=8, guidance=1.0), make_plan("exact", 2, 8, 4)),
    ("f", replace(JOB, seed=9, negatives=("x", "y")), make_plan("balanced", 2, 20, 9, (2,))),
    ("f", JOB, make_plan("exact", 2, 8, 0)),
]


class Served:
    """A loop on its thread; gathers what ends, in the order it ends."""

    def __init__(self, parts: Parts, **options: Any) -> None:
        self.calls: list[tuple[int, int]] = []
        self.ended: dict[Any, Any] = {}
        self._change = threading.Condition()
        told = {"rows": 32, "memory": 10**9, "bytes_a_cell": 1000.0, **options}
        self.loop = Loop(parts, on_call=lambda r, j, _: self.calls.append((r, j)), **told)
        self.thread = threading.Thread(target=self.loop.serve, daemon=True)

    def submit(self, name: Any, tenant: str, run: Any) -> None:
        def end(result: Any, error: BaseException | None) -> None:
            with self._change:
                self.ended[name] = result if error is None else error
                self._change.notify_all()

        self.loop.submit(name, tenant, run, end)

    def wait(self, count: int) -> dict[Any, Any]:
        with self._change:
            assert self._change.wait_for(lambda: len(self.ended) >= count, 120)
            return self.ended

    def close(self) -> None:
        self.loop.close()
        self.thread.join(30)


@pytest.fixture(scope="module", params=["sd", "sdxl-v"])
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    xl = request.param == "sdxl-v"
    kind = "v_prediction" if xl else "epsilon"
    folder = tmp_path_factory.mktemp("batching") / "m"
    return load(Source(str(write(folder, xl=xl, prediction_type=kind))), vae=False)


@pytest.fixture
def served(tiny_pair: str) -> Iterator[Served]:
    served = Served(load(find(tiny_pair).cloud, vae=False))
    yield served
    served.close()


def test_sharing_calls_changes_no_answer_beyond_the_stated_tolerance(parts: Parts) -> None:
    alone = Engine(parts, batch=32)
    expected = [alone.run(job, plan) for _, job, plan in MIXED]
    served = Served(parts)
    for i, (tenant, job, plan) in enumerate(MIXED):
        served.submit(i, tenant, lambda engine, j=job, p=plan: engine.run(j, p))
    served.thread.start()
    ended = served.wait(len(MIXED))
    served.close()
    for i, result in enumerate(expected):
        assert isinstance(ended[i], torch.Tensor), ended[i]
        torch.testing.assert_close(ended[i], result, rtol=0, atol=TOLERANCE)
    assert max(jobs for _, jobs in served.calls) >= 5  # they did share
    assert sum(jobs for _, jobs in served.calls) > 1.5 * len(served.calls)


def test_a_job_alone_in_the_loop_is_bit_for_bit_the_engines(served: Served) -> None:
    plan = make_plan("balanced", 2, 20, 9, (2,))
    served.submit("a", "t", lambda engine: engine.run(JOB, plan))
    served.thread.start()
    expected = Engine(served.loop.engine.parts, batch=32).run(JOB, plan)
    assert torch.equal(served.wait(1)["a"], expected)


def test_a_run_that_is_not_wanted_stops_within_a_step(served: Served) -> None:
    seen: dict[str, int] = {"a": 0, "b": 0}
    plan = make_plan("exact", 2, 30, 30)

    def run(name: str) -> Any:
        def step(done: int, total: int) -> None:
            seen[name] = done
            if name == "a" and done == 3:
                served.loop.cancel("a")
            if name == "b" and done == 6:
                served.loop.cancel("waiting")

        return lambda engine: engine.run(JOB, plan, step)

    served.loop.scheduler.window = 2
    for name in ("a", "b", "waiting"):
        served.submit(name, "t", run(name) if name != "waiting" else run("b"))
    served.thread.start()
    ended = served.wait(3)
    assert isinstance(ended["a"], Cancelled)
    assert isinstance(ended["waiting"], Cancelled)
    assert seen["a"] == 3
    assert isinstance(ended["b"], torch.Tensor)


def test_one_jobs_fault_is_its_own(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    real = loop_module.together

    def breaks(engine: Engine, calls: Any) -> Any:
        if any(bool((call.rows > 1e6).any()) for call in calls):
            raise RuntimeError("the poisoned rows")
        return real(engine, calls)

    monkeypatch.setattr(loop_module, "together", breaks)
    plan = make_plan("exact", 2, 8, 4)

    def poisoned(engine: Engine) -> torch.Tensor:
        start = engine._start
        monkeypatch.setattr(engine, "_start", lambda j, p: _times(start(j, p), 1e9))
        try:
            return engine.run(JOB, plan)
        finally:
            monkeypatch.setattr(engine, "_start", start)

    served.submit("good", "t", lambda engine: engine.run(JOB, plan))
    served.submit("bad", "t", poisoned)
    served.submit("late", "t", lambda engine: engine.run(replace(JOB, seed=3), plan))
    served.thread.start()
    ended = served.wait(3)
    assert isinstance(ended["bad"], RuntimeError)
    assert ended["bad"].__traceback__ is None
    assert isinstance(ended["good"], torch.Tensor)


def _times(state: Any, factor: float) -> Any:
    state.latents = state.latents * factor
    return state


def test_too_little_memory_makes_calls_smaller_from_then_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loop_module.together

    def breaks(engine: Engine, calls: Any) -> Any:
        if len(calls) > 2:
            raise torch.OutOfMemoryError("too many rows")
        return real(engine, calls)

    monkeypatch.setattr(loop_module, "together", breaks)
    plan = make_plan("exact", 2, 20, 10)
    for i in range(4):
        served.submit(i, "t", lambda engine: engine.run(JOB, plan))
    served.thread.start()
    assert all(isinstance(r, torch.Tensor) for r in served.wait(4).values())
    assert served.loop.scheduler.rows < 32
    monkeypatch.setattr(loop_module, "together", real)  # what was short was another program's
    for i in range(4, 30):
        served.submit(i, f"{i}", lambda engine: engine.run(JOB, plan))
    served.wait(30)
    assert served.loop.scheduler.rows == 32


def test_what_has_no_memory_alone_costs_the_others_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(engine: Engine, calls: Any) -> Any:
        raise torch.OutOfMemoryError("too large")

    monkeypatch.setattr(loop_module, "together", breaks)
    served.submit(0, "t", lambda engine: engine.run(JOB, make_plan("exact", 2, 8, 4)))
    served.thread.start()
    assert isinstance(served.wait(1)[0], torch.OutOfMemoryError)
    assert served.loop.scheduler.rows == 32


def test_a_job_may_ask_for_smaller_calls(served: Served) -> None:
    plan = make_plan("exact", 2, 8, 4)
    served.submit(0, "t", lambda engine: engine.run(replace(JOB, rows=1), plan))
    served.thread.start()
    assert isinstance(served.wait(1)[0], torch.Tensor)
    assert {rows for rows, _ in served.calls} == {1}


def test_a_flood_of_prompts_is_read_between_the_calls_of_others(served: Served) -> None:
    """Reading a prompt takes time and no call: one tenant's many sets wait for one another."""
    order: list[str] = []

    def reads(name: str) -> Any:
        def run(engine: Engine) -> str:
            order.append(name)
            return name

        return run

    plan = make_plan("exact", 2, 8, 4)

    def draws(engine: Engine) -> Tensor:
        out = engine.run(JOB, plan, lambda *_: order.append("call"))
        order.append("drawn")
        return out

    for i in range(50):
        served.submit(f"a{i}", "a", reads(f"a{i}"))
    served.submit("b", "b", draws)
    served.thread.start()
    served.wait(51)
    assert len(order) >= 51
    assert order.index("drawn") < 20


def test_after_the_end_a_job_is_told_so(served: Served) -> None:
    served.thread.start()
    served.close()
    served.submit("late", "t", lambda engine: None)
    assert isinstance(served.wait(1)["late"], Cancelled)


def test_closing_stops_everything(served: Served) -> None:
    plan = make_plan("exact", 2, 200, 200)
    begun = threading.Event()
    for i in range(3):
        served.submit(i, "t", lambda engine: engine.run(JOB, plan, lambda *_: begun.set()))
    served.thread.start()
    assert begun.wait(60)
    served.close()
    assert not served.thread.is_alive()
    assert all(isinstance(r, Cancelled) for r in served.wait(3).values())


def test_a_fault_of_the_loop_itself_leaves_nobody_waiting(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> None:
        raise IndexError("a fault")

    monkeypatch.setattr(served.loop.scheduler, "next", breaks)
    for i in range(3):
        served.submit(i, "t", lambda engine: engine.run(JOB, make_plan("exact", 2, 8, 4)))
    served.thread.start()
    assert all(isinstance(r, IndexError) for r in served.wait(3).values())
    served.thread.join(30)
    assert not served.thread.is_alive()

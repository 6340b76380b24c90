"""What the server keeps, for whom, and for how long."""

from __future__ import annotations

import gc
import queue
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from obclip.errors import RequestError, ServerError
from obclip.protocol.messages import GenerateRequest
from obclip.server.backend import OnEnd, OnStep, Stopped
from obclip.server.embedded import Embedded
from obclip.server.job import Job
from obclip.server.jobs import Jobs
from obclip.server.settings import Settings
from tests.server.conftest import Gate, until
from tests.wire import request

SETTINGS = Settings(queue=3, keep_seconds=60.0)


class Line:
    """A backend that runs one job after the other, each until it is let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.error: Exception | None = None
        self.ran: list[str] = []
        self._waiting: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def start(self, key: str, tenant: str, sent: Any, held: int, step: Any, end: Any) -> None:
        self._waiting.put((key, sent, step, end))

    def stop(self, key: str) -> None:
        pass

    def _work(self) -> None:
        while True:
            self._one(*self._waiting.get())

    def _one(self, key: str, sent: GenerateRequest, step: OnStep, end: OnEnd) -> None:
        self.ran.append(key)
        try:
            step(0, 3)
            while not self.free.wait(0.01):
                step(1, 3)
            if self.error is not None:
                raise self.error
        except Exception as error:
            end(None, error)
        else:
            end(sent.prompts[0].encode(), None)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.free.set()


def make(line: Line, **changes: Any) -> Jobs:
    ended: list[Job] = []
    jobs = Jobs(
        line.start, line.stop, replace(SETTINGS, **changes), memory=1000, on_over=ended.append
    )
    jobs.ended = ended  # type: ignore[attr-defined]
    return jobs


@pytest.fixture
def jobs(line: Line) -> Iterator[Jobs]:
    jobs = make(line)
    yield jobs
    jobs.close()


def put(jobs: Jobs, name: str, tenant: str = "t", **more: Any) -> Job:
    return jobs.submit(tenant, name, request(prompts=[name]), **more)


def refused(jobs: Jobs, name: str, tenant: str = "t", **more: Any) -> str:
    with pytest.raises(ServerError) as error:
        put(jobs, name, tenant, **more)
    return error.value.code


def test_equal_content_of_one_tenant_is_one_job(jobs: Jobs, line: Line) -> None:
    first = put(jobs, "a")
    assert put(jobs, "a") is first
    assert put(jobs, "a", "other") is not first
    line.free.set()
    until(lambda: first.over)
    assert put(jobs, "a") is first
    until(lambda: len(line.ran) == 2)


def test_a_tenant_never_meets_anothers_job(jobs: Jobs) -> None:
    put(jobs, "a", "one")
    assert jobs.get("two", "a") is None
    assert jobs.known("two", "a") is None
    assert not jobs.cancel("two", "a")


@pytest.mark.parametrize("error", [ValueError("a prompt"), RequestError("no", code="x")])
def test_a_failed_job_says_so_and_may_be_tried_again(
    jobs: Jobs, line: Line, error: Exception
) -> None:
    line.error = error
    line.free.set()
    job = put(jobs, "a")
    until(lambda: job.over)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.__traceback__ is None
    assert "prompt" not in str(job.error)
    assert put(jobs, "a") is not job


def test_an_answer_expires_even_when_nobody_asks(line: Line) -> None:
    jobs = make(line, keep_seconds=0.2)
    line.free.set()
    job = put(jobs, "a")
    until(lambda: job.over)
    assert jobs.get("t", "a") is job
    until(lambda: not jobs._jobs)
    jobs.close()


def test_a_fetched_answer_lingers_for_a_retry_and_goes(line: Line) -> None:
    jobs = make(line, linger_seconds=0.2)
    line.free.set()
    job = put(jobs, "a")
    until(lambda: job.over)
    assert not jobs.drained
    jobs.fetched(job)
    assert jobs.drained
    assert jobs.get("t", "a") is job
    until(lambda: jobs.get("t", "a") is None)
    jobs.close()


def test_a_full_queue_refuses_and_a_finished_job_frees_its_place(jobs: Jobs, line: Line) -> None:
    held = [put(jobs, name) for name in "abc"]
    assert refused(jobs, "d") == "busy"
    assert put(jobs, "a") is held[0]  # a retry needs no place
    line.free.set()
    until(lambda: all(job.over for job in held))
    put(jobs, "d")


def test_one_tenant_does_not_fill_the_queue(line: Line) -> None:
    jobs = make(line, tenant_queue=1)
    put(jobs, "a", "one")
    assert refused(jobs, "b", "one") == "too_many_jobs"
    put(jobs, "b", "two")
    jobs.close()


def test_answers_are_kept_within_a_memory_and_fetched_ones_make_room(
    jobs: Jobs, line: Line
) -> None:
    first = put(jobs, "a" * 400, size=600)
    assert refused(jobs, "b", size=600) == "busy"
    line.free.set()
    until(lambda: first.over)
    assert jobs.counts()["bytes"] == 400  # what it came to
    second = put(jobs, "b" * 600, size=600)
    assert refused(jobs, "c", size=600) == "busy"
    until(lambda: second.over)
    jobs.fetched(first)
    put(jobs, "c", size=400)
    assert jobs.get("t", "a" * 400) is None


def test_a_job_that_is_late_is_stopped_and_told_so(line: Line) -> None:
    jobs = make(line, deadline_seconds=0.3)
    running, waiting = put(jobs, "a"), put(jobs, "b")
    until(lambda: running.over and waiting.over)
    for job in (running, waiting):
        assert job.error is not None
        assert (job.state, job.error.code) == ("failed", "deadline")
    jobs.close()


def test_each_job_is_accounted_for_once(jobs: Jobs, line: Line) -> None:
    a, _, c = (put(jobs, name) for name in "abc")
    until(lambda: a.state == "running")
    jobs.cancel("t", "a")
    jobs.cancel("t", "b")
    line.free.set()
    until(lambda: c.over and a.over)
    time.sleep(0.05)
    ended = jobs.ended  # type: ignore[attr-defined]
    assert sorted((j.id, j.state) for j in ended) == [
        ("a", "cancelled"), ("b", "cancelled"), ("c", "done"),
    ]  # fmt: skip


def test_a_draining_server_takes_nothing_new_and_finishes_the_rest(jobs: Jobs, line: Line) -> None:
    job = put(jobs, "a")
    jobs.drain()
    assert refused(jobs, "b") == "draining"
    assert put(jobs, "a") is job
    assert not jobs.drained
    line.free.set()
    until(lambda: job.over)
    assert not jobs.drained  # nobody has it yet
    jobs.fetched(job)
    assert jobs.drained


def test_closing_stops_the_run_within_a_step(line: Line) -> None:
    jobs = make(line)
    job = put(jobs, "a")
    until(lambda: job.state == "running")
    jobs.close()
    until(lambda: job.state == "cancelled")


def test_a_backend_that_takes_no_job_fails_it(line: Line) -> None:
    def broken(*_: Any) -> None:
        raise ConnectionError("the text of a prompt")

    jobs = Jobs(broken, line.stop, SETTINGS, memory=1000)
    job = put(jobs, "a")
    assert job.state == "failed"
    assert "prompt" not in str(job.error)
    jobs.close()


@pytest.mark.parametrize("ending", ["done", "cancel", ValueError, RequestError])
def test_no_prompt_outlives_its_run(tiny_pair: str, gate: Gate, ending: Any) -> None:
    from obclip.cloud.engine import Engine
    from obclip.diffusion.loading import load
    from obclip.diffusion.pairs import find
    from obclip.server.app import model_info

    class Watched(GenerateRequest, frozen=True, kw_only=True, weakref=True):
        pass

    engine = Engine(load(find(tiny_pair).cloud, vae=False))
    backend = Embedded(engine, model_info(tiny_pair, engine, 2.0), SETTINGS)
    jobs = Jobs(backend.submit, backend.cancel, SETTINGS, memory=10**9)
    sent = Watched(**{f: getattr(request(), f) for f in GenerateRequest.__struct_fields__})
    alive = weakref.ref(sent)
    if not isinstance(ending, str):
        gate.fail = ending(sent.prompts[0])
    job = jobs.submit("t", "a", sent)
    del sent
    until(lambda: job.state == "running")
    if ending == "cancel":
        jobs.cancel("t", "a")
    else:
        gate.open.set()
    until(lambda: job.over)
    until(lambda: gc.collect() >= 0 and alive() is None)
    gate.open.set()
    jobs.close()
    backend.close()
    assert not isinstance(job.error, Stopped)

"""What the server keeps, and for how long."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from obclip.errors import RequestError, ServerError
from obclip.protocol.messages import GenerateRequest
from obclip.server.jobs import Jobs
from tests.server.conftest import until
from tests.wire import request


class Worker:
    def __init__(self) -> None:
        self.free = threading.Event()
        self.error: type[Exception] | None = None

    def __call__(self, request: GenerateRequest, step: Any) -> bytes:
        while not self.free.wait(0.01):
            step(1, 3)
        if self.error is not None:
            raise self.error(request.prompts[0])
        return request.prompts[0].encode()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def jobs(worker: Worker) -> Iterator[Jobs]:
    jobs = Jobs(worker, queue=3, keep_seconds=0.3)
    yield jobs
    worker.free.set()
    jobs.close()


def test_jobs_run_in_the_order_they_came(jobs: Jobs, worker: Worker) -> None:
    first, second = (jobs.submit(name, request(prompts=[name])) for name in "ab")
    until(lambda: first.state == "running")
    assert second.state == "queued"
    worker.free.set()
    until(lambda: second.over)
    assert (first.answer, second.answer) == (b"a", b"b")


@pytest.mark.parametrize("error", [None, ValueError, RequestError, "cancel"])
def test_no_prompt_outlives_its_run(jobs: Jobs, worker: Worker, error: Any) -> None:
    class Watched(GenerateRequest, frozen=True, kw_only=True, weakref=True):
        pass

    sent = Watched(**{f: getattr(request(), f) for f in GenerateRequest.__struct_fields__})
    alive = weakref.ref(sent)
    worker.error = None if error == "cancel" else error
    job = jobs.submit("a", sent)
    del sent
    until(lambda: job.state == "running")
    if error == "cancel":
        jobs.cancel("a")
    else:
        worker.free.set()
    until(lambda: job.over)
    until(lambda: gc.collect() >= 0 and alive() is None)


def test_an_answer_expires_even_when_nobody_asks(jobs: Jobs, worker: Worker) -> None:
    worker.free.set()
    job = jobs.submit("a", request())
    until(lambda: job.over)
    assert jobs.get("a") is job
    until(lambda: not jobs._jobs)


def test_a_full_queue_refuses_and_a_finished_job_frees_its_place(
    jobs: Jobs, worker: Worker
) -> None:
    held = [jobs.submit(name, request()) for name in "abc"]
    with pytest.raises(ServerError) as error:
        jobs.submit("d", request())
    assert error.value.code == "busy"
    worker.free.set()
    until(lambda: all(job.over for job in held))
    jobs.submit("d", request())


def test_closing_stops_the_run_within_a_step(worker: Worker) -> None:
    jobs = Jobs(worker, queue=3, keep_seconds=60)
    job = jobs.submit("a", request())
    until(lambda: job.state == "running")
    jobs.close()
    assert job.state == "cancelled"

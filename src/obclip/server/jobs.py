"""Jobs: queued, run one after the other on one worker thread, kept until fetched or expired.

Protects: nothing of a job is written anywhere; a finished answer waits for a retry until it
expires, and is dropped then; a job drops its prompts as soon as it has ended, however it ended.
Does not protect: the process's own memory from its operator.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from obclip.errors import ObclipError, ServerError
from obclip.protocol.messages import GenerateRequest, Progress

#: Runs a request; reports (steps done, steps in all); returns the encoded answer.
Work = Callable[[GenerateRequest, Callable[[int, int], None]], bytes]


OVER = frozenset({"done", "failed", "cancelled"})


class Cancelled(Exception):  # noqa: N818 a wish, not a fault
    """Raised inside a run to stop it within one step."""


@dataclass(slots=True)
class Job:
    """One candidate set on its way. ``request`` is dropped as soon as it has run."""

    id: str
    request: GenerateRequest | None
    state: str = "queued"
    step: int = 0
    steps: int = 0
    answer: bytes | None = None
    error: ObclipError | None = None
    ended: float = 0.0
    cancel: bool = False
    changed: threading.Event = field(default_factory=threading.Event)

    def progress(self) -> Progress:
        return Progress(state=self.state, step=self.step, steps=self.steps)

    @property
    def over(self) -> bool:
        return self.state in OVER


class Jobs:
    """The queue, its worker, and the answers that wait to be fetched."""

    def __init__(
        self,
        work: Work,
        *,
        queue: int,
        keep_seconds: float,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """``prepare`` is called once, on the worker's thread, before its first job."""
        self._work, self._queue, self._keep = work, queue, keep_seconds
        self._prepare = prepare
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Condition()
        self._stop = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def submit(self, job_id: str, request: GenerateRequest) -> Job:
        """The job of this content: a new one, or the one that is there already (a retry).

        Raises:
            ServerError: code ``busy`` when the queue is full.
        """
        with self._lock:
            self._expire()
            known = self._jobs.get(job_id)
            if known is not None and known.state not in ("failed", "cancelled"):
                return known
            if sum(not job.over for job in self._jobs.values()) >= self._queue:
                raise ServerError("the queue is full", code="busy", expected="try again later")
            job = Job(job_id, request, steps=request.split)
            self._jobs[job_id] = job
            self._lock.notify_all()
            return job

    def get(self, job_id: str) -> Job | None:
        with self._lock:
            self._expire()
            return self._jobs.get(job_id)

    def cancel(self, job_id: str) -> bool:
        """Stops a job within one step, or drops its answer; False if there is none."""
        with self._lock:
            job = self._jobs.pop(job_id, None)
            if job is None:
                return False
            job.cancel = True
            if job.state == "queued":
                self._end(job, "cancelled")
            return True

    def close(self) -> None:
        """Stops the worker after the step it is in."""
        with self._lock:
            self._stop = True
            for job in self._jobs.values():
                job.cancel = True
            self._lock.notify_all()
        self._thread.join(timeout=30)

    def _expire(self) -> None:
        now = time.monotonic()
        for job_id in [j.id for j in self._jobs.values() if j.over and now - j.ended > self._keep]:
            del self._jobs[job_id]

    def _end(self, job: Job, state: str) -> None:
        job.state, job.ended, job.request = state, time.monotonic(), None
        job.changed.set()

    def _next(self) -> Job | None:
        with self._lock:
            while not self._stop:
                for job in self._jobs.values():
                    if job.state == "queued":
                        job.state = "running"
                        return job
                self._lock.wait(timeout=max(0.05, self._keep))
                self._expire()
        return None

    def _loop(self) -> None:
        if self._prepare is not None:
            self._prepare()
        while self._step():
            pass

    def _step(self) -> bool:
        """Runs one job; its own frame, so that no prompt outlives the run in a local variable."""
        job = self._next()
        if job is None:
            return False
        request = job.request
        if request is None:
            return True

        def step(done: int, total: int) -> None:
            if job.cancel or self._stop:
                raise Cancelled
            job.step, job.steps = done, total
            job.changed.set()

        try:
            job.answer = self._work(request, step)
            self._end(job, "done")
        except Cancelled:
            self._end(job, "cancelled")
        except ObclipError as error:
            job.error = error.with_traceback(None)  # a traceback holds frames that hold prompts
            self._end(job, "failed")
        except Exception as error:  # a model may fail in any way; the worker must live on
            # the type alone: an exception's text could quote what it was given
            job.error = ServerError(
                "the engine failed", code="engine_failed", got=type(error).__name__
            )
            self._end(job, "failed")
        return True

"""Jobs: named by tenant and content, run by a backend, kept until fetched or expired.

Protects: one tenant never meets another's job; nothing of a job is written anywhere; a job drops
its prompts as soon as it has ended, however it ended; an answer waits for a retry and is dropped.
Does not protect: the process's own memory from its operator.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from obclip.errors import ObclipError, ServerError
from obclip.protocol.messages import GenerateRequest
from obclip.server.backend import OnEnd, OnStep, Stopped
from obclip.server.job import Job
from obclip.server.settings import Settings

#: Starts a run: (key, tenant, request, held, on_step, on_end); see ``Backend.submit``.
Start = Callable[[str, str, GenerateRequest, int, OnStep, OnEnd], None]


class Jobs:
    """All jobs of a server, with one thread that watches the clock."""

    def __init__(
        self, start: Start, stop: Callable[[str], None], settings: Settings, *, memory: int,
        on_over: Callable[[Job], None] | None = None,
    ) -> None:  # fmt: skip
        """``memory``: bytes for answers. ``on_over`` is told each job that ended, once."""
        self._start, self._stop, self._settings = start, stop, settings
        self._memory, self._on_over = memory, on_over
        self._jobs: OrderedDict[tuple[str, str], Job] = OrderedDict()
        self._lock = threading.Condition()
        self._count = itertools.count()
        self._closed = self._draining = False
        self._mean = 1.0  # seconds of a run, moving average
        self._clock = threading.Thread(target=self._watch, name="jobs", daemon=True)
        self._clock.start()

    def known(self, tenant: str, job_id: str) -> Job | None:
        """The tenant's job of that content, if a retry should be given it."""
        with self._lock:
            job = self._jobs.get((tenant, job_id))
            return None if job is None or job.state in ("failed", "cancelled") else job

    def get(self, tenant: str, job_id: str) -> Job | None:
        with self._lock:
            return self._jobs.get((tenant, job_id))

    def check_room(self, tenant: str, size: int) -> None:
        """Makes room of fetched answers if it must.

        Raises:
            ServerError: ``draining``, ``busy`` (queue or memory), ``too_many_jobs`` (this tenant).
        """
        with self._lock:
            if self._draining or self._closed:
                raise ServerError(
                    "this server is stopping", code="draining", expected="try again later"
                )
            open_jobs = [job for job in self._jobs.values() if not job.over]
            if len(open_jobs) >= self._settings.queue:
                raise ServerError("the queue is full", code="busy", expected="try again later")
            most = self._settings.tenant_queue
            if most and sum(job.tenant == tenant for job in open_jobs) >= most:
                raise ServerError(
                    "too many jobs of yours are open", code="too_many_jobs", got=most,
                    expected=f"at most {most} at once",
                )  # fmt: skip
            fetched = [name for name, job in self._jobs.items() if job.fetched]
            while self._reserved() + size > self._memory and fetched:
                self._drop(fetched.pop(0))
            if self._reserved() + size > self._memory:
                raise ServerError(
                    "the memory for answers is full", code="busy", expected="try again later"
                )

    def submit(
        self, tenant: str, job_id: str, request: GenerateRequest, *, ratio: float = 0.0,
        held: int = 0, size: int = 0, ticket: int = 0, units: int = 0,
    ) -> Job:  # fmt: skip
        """The job of this content: a new one, or the one that is there already (a retry).

        Raises:
            ServerError: as ``check_room``.
        """
        with self._lock:
            known = self.known(tenant, job_id)
            if known is not None:
                return known
            self.check_room(tenant, size)
            key = f"{next(self._count)}"
            job = Job(job_id, tenant, key, request.split, ratio, size, ticket, units)
            job.expires = job.came + self._settings.deadline_seconds
            self._jobs[tenant, job_id] = job
            self._jobs.move_to_end((tenant, job_id))
            self._lock.notify_all()

        def step(done: int, total: int) -> None:
            if job.unwanted or self._closed:
                raise Stopped
            with self._lock:
                begins = job.state == "queued"
                if begins:
                    job.state, job.began = "running", time.monotonic()
            if begins:
                job.tell()
            job.step, job.steps = done, total

        def end(answer: bytes | None, error: BaseException | None) -> None:
            self._ended(job, answer, error)

        try:
            self._start(key, tenant, request, held, step, end)
        except Exception as error:  # the job is there already, and says what became of it
            end(None, error)
        return job

    def cancel(self, tenant: str, job_id: str) -> bool:
        """Stops a job within one step, or drops its answer; False if there is none."""
        with self._lock:
            job = self._jobs.pop((tenant, job_id), None)
        if job is None:
            return False
        self._unwanted(job)
        return True

    def fetched(self, job: Job) -> None:
        """Its answer has left whole; it stays a little for a retry of a broken download."""
        with self._lock:
            job.fetched = True
            job.expires = min(job.expires, time.monotonic() + self._settings.linger_seconds)
            self._lock.notify_all()

    def drain(self) -> None:
        """Takes no new jobs from now on; those accepted run on."""
        with self._lock:
            self._draining = True

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def drained(self) -> bool:
        """Whether nothing is left that somebody waits for."""
        with self._lock:
            return all(j.fetched or j.state in ("failed", "cancelled") for j in self._jobs.values())

    def counts(self) -> dict[str, int]:
        """Jobs by state, and bytes reserved for answers."""
        with self._lock:
            states = [job.state for job in self._jobs.values()]
            return {s: states.count(s) for s in ("queued", "running", "done")} | {
                "bytes": self._reserved()
            }

    def retry_after(self) -> int:
        """Seconds after which another try may find room: about one run's time."""
        return max(1, min(60, math.ceil(self._mean)))

    def close(self) -> None:
        """Stops every run at its next step, and forgets everything."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs.values())
            self._jobs.clear()
            self._lock.notify_all()
        for job in jobs:
            self._unwanted(job)
        self._clock.join(timeout=5)

    def _reserved(self) -> int:
        return sum(job.size for job in self._jobs.values())

    def _drop(self, name: tuple[str, str]) -> None:
        self._jobs.pop(name, None)

    def _unwanted(self, job: Job, error: ObclipError | None = None) -> None:
        job.unwanted = True
        if not job.over:
            if job.state == "queued" or error is not None:  # a running one ends at its next step
                self._end(job, "cancelled" if error is None else "failed", error=error)
            self._stop(job.key)

    def _ended(self, job: Job, answer: bytes | None, error: BaseException | None) -> None:
        if isinstance(error, Stopped) or job.unwanted:  # an end that nobody wants to know of
            self._end(job, "cancelled")
        elif isinstance(error, ObclipError):
            # a traceback holds frames that hold prompts, and so does what it came from
            error.__context__ = error.__cause__ = None
            self._end(job, "failed", error=error.with_traceback(None))
        elif error is not None or answer is None:
            # the type alone: an exception's text could quote what it was given
            kind = type(error).__name__
            failed = ServerError("the engine failed", code="engine_failed", got=kind)
            self._end(job, "failed", error=failed)
        else:
            self._end(job, "done", answer)

    def _end(
        self, job: Job, state: str, answer: bytes | None = None, error: ObclipError | None = None
    ) -> None:
        with self._lock:
            if job.over:
                return
            job.answer, job.error, job.ended = answer, error, time.monotonic()
            job.size = len(answer or b"")
            job.expires = job.ended + self._settings.keep_seconds
            job.state = state
            if state == "done":
                self._mean += 0.2 * (job.ended - (job.began or job.came) - self._mean)
            self._lock.notify_all()
        if self._on_over is not None:
            self._on_over(job)
        job.tell()

    def _watch(self) -> None:
        """Ends what is late and drops what nobody came for."""
        while True:
            with self._lock:
                if self._closed:
                    return
                now = time.monotonic()
                due = [(name, job) for name, job in self._jobs.items() if job.expires <= now]
                for name, job in due:
                    if job.over:
                        self._drop(name)
                if not due:
                    soonest = min((job.expires for job in self._jobs.values()), default=math.inf)
                    self._lock.wait(min(60.0, max(0.01, soonest - now)))
            for _, job in due:
                if not job.over:
                    self._unwanted(job, _late(self._settings.deadline_seconds))
            due = []


def _late(seconds: float) -> ServerError:
    return ServerError(
        "not finished in time", code="deadline", got=f"over {seconds:g} s",
        expected="less work, or a server with less to do",
    )  # fmt: skip

"""The loop that computes: wakes runs, asks whose passes go together, makes the call.

Each run lives in a greenlet on the loop's one thread: at a pass it sleeps until the loop has the
answer, so that ``Engine.run`` need not be written inside out.

Protects: a call that fails is repeated for each job alone, so that one job's fault is its own; a
run that ends, however it ends, leaves nothing behind.
Does not protect: a job's wait from the load of others (how it is shared: ``scheduler.py``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from greenlet import getcurrent, greenlet

from obclip.cloud.batching import Answer, Call, SharedEngine, together
from obclip.cloud.engine import Engine
from obclip.cloud.scheduler import Name, Scheduler
from obclip.diffusion.loading import Parts


class Cancelled(Exception):  # noqa: N818 a wish, not a fault
    """Raised inside a run to stop it at its next pass."""


@dataclass(slots=True, eq=False)
class _Task:
    run: Callable[[Engine], Any]
    end: Callable[[Any, BaseException | None], None]
    tenant: str
    held: int
    let: Any = None
    call: Call | None = None


class Loop:
    """Runs tasks until closed; ``serve`` is the one thread that computes.

    Args:
        rows: latents of one model call at most.
        memory: bytes for calls and for what running jobs hold.
        bytes_a_cell: memory of a call for each latent cell of each row.
        on_call: told (rows, jobs, seconds) of each model call.
    """

    def __init__(
        self, parts: Parts, *, rows: int, memory: int, bytes_a_cell: float,
        on_call: Callable[[int, int, float], None] | None = None,
    ) -> None:  # fmt: skip
        self.engine = SharedEngine(parts, self, batch=rows)
        self.scheduler = Scheduler(rows=rows, memory=memory)
        self._rows, self._bytes, self._on_call = rows, bytes_a_cell, on_call
        self._tasks: dict[Name, _Task] = {}
        self._current: _Task | None = None
        self._hub: Any = None
        self._lock = threading.Condition()
        self._arrived: dict[Name, _Task] = {}
        self._unwanted: set[Name] = set()
        self._closed = False

    def submit(
        self, name: Name, tenant: str, run: Callable[[Engine], Any],
        end: Callable[[Any, BaseException | None], None], *, held: int = 0,
    ) -> None:  # fmt: skip
        """Queues a run; from any thread.

        Args:
            run: given the engine; what it returns is the result.
            end: told (result, None) or (None, error), on the loop's thread; ``Cancelled`` too.
            held: bytes that it holds while it runs.

        Once closed, or after a fault of its own, ``end`` is told ``Cancelled`` at once.
        """
        with self._lock:
            if not self._closed:
                self._arrived[name] = _Task(run, end, tenant, held)
                self._lock.notify_all()
                return
        end(None, Cancelled())

    def cancel(self, name: Name) -> None:
        """Stops a run at its next pass, or takes it out of the queue; from any thread."""
        with self._lock:
            self._unwanted.add(name)
            self._lock.notify_all()

    def close(self) -> None:
        """Stops everything at the next pass; from any thread."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    @torch.inference_mode()  # all of it: runs sleep inside, in any order
    def serve(self) -> None:
        """Works until closed.

        A fault of the loop's own ends every run with it and the loop too; it is not raised, since
        what is raised in a thread is printed, and its text could quote a prompt.
        """
        self._hub = getcurrent()
        try:
            self._work()
        except Exception as error:
            with self._lock:
                self._closed = True
                arrived, self._arrived = self._arrived, {}
            for name in list(self._tasks):
                self._end(name, None, error.with_traceback(None))
            for task in arrived.values():
                task.end(None, error.with_traceback(None))

    def _work(self) -> None:
        while self._news():
            for name in self.scheduler.start(each=1):
                self._begin(name)
            chosen = self.scheduler.next()
            if chosen:
                self._call(chosen)

    def call(self, call: Call) -> Answer:
        """One pass, from inside a run: sleeps until the loop has made it."""
        task = self._current
        if task is None or getcurrent() is not task.let:
            return together(self.engine, [call])[0]  # nobody to share with
        task.call = call
        answer: Answer = self._hub.switch()
        return answer

    def _begin(self, name: Name) -> None:
        task = self._tasks[name]
        task.let = greenlet(_Body(self.engine, task))
        self._wake(name)

    def _news(self) -> bool:
        """Takes in what other threads asked for; waits if there is nothing to do."""
        with self._lock:
            while not (self._closed or self._arrived or self._unwanted or self._tasks):
                self._lock.wait()
            arrived, self._arrived = self._arrived, {}
            unwanted, self._unwanted = self._unwanted, set()
            closed = self._closed
        for name, task in arrived.items():
            self._tasks[name] = task
            self.scheduler.submit(name, task.tenant, task.held)
        for name in list(self._tasks) if closed else unwanted & set(self._tasks):
            task = self._tasks[name]
            if task.let is None:
                self._end(name, None, Cancelled())
            else:
                self._wake(name, error=Cancelled())
        return not closed

    def _call(self, names: list[Name]) -> None:
        calls = []
        for name in names:
            call, self._tasks[name].call = self._tasks[name].call, None
            assert call is not None  # noqa: S101 the scheduler knew of it
            calls.append(call)
        begun = time.perf_counter()
        try:
            answers: list[Answer | Exception] = list(together(self.engine, calls))
            # another program's memory may have been what was short
            self.scheduler.rows = min(self._rows, self.scheduler.rows + 1)
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError) and len(calls) > 1:
                self.scheduler.rows = max(1, self.scheduler.rows // 2)
            answers = [error] if len(calls) == 1 else [self._alone(call) for call in calls]
        if self._on_call is not None:
            rows = sum(len(call.rows) for call in calls)
            self._on_call(rows, len(calls), time.perf_counter() - begun)
        del calls
        for name in names:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                self._wake(name, error=answer)
            else:
                self._wake(name, answer)

    def _alone(self, call: Call) -> Answer | Exception:
        try:
            return together(self.engine, [call])[0]
        except Exception as error:
            return error

    def _wake(
        self, name: Name, answer: Answer | None = None, error: Exception | None = None
    ) -> None:
        """Lets a run go on until it needs a pass or ends."""
        task = self._current = self._tasks[name]
        out = task.let.switch(answer) if error is None else task.let.throw(error)
        self._current = None
        if task.let.dead:
            self._end(name, *out)
        elif task.call is not None:
            self.scheduler.want(name, task.call.want(self._bytes))

    def _end(self, name: Name, result: Any, error: BaseException | None) -> None:
        task = self._tasks.pop(name)
        self.scheduler.remove(name)
        task.end(result, error)


@dataclass(slots=True, frozen=True)
class _Body:
    """The whole life of a run's greenlet; its return value goes to the loop."""

    engine: Engine
    task: _Task

    def __call__(self, _: object = None) -> tuple[Any, BaseException | None]:
        try:
            return self.task.run(self.engine), None
        except Exception as error:
            return None, error.with_traceback(None)  # a traceback holds frames that hold prompts

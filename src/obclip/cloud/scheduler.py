"""Whose turn it is: which jobs run, and which of their passes share the next model call. No torch.

Between tenants it is start-time fair queueing (Goyal, Vin and Cheng 1996): each has a clock that
moves on with the work done for it, and the one furthest behind goes first. Within a tenant, first
come first served. Passes that fit the leader's ride along with it until the rows or the memory of
a call are used up, so a rare kind of pass waits for its turn but never for company.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field

Name = Hashable


@dataclass(frozen=True, slots=True)
class Want:
    """The pass a job waits for.

    Attributes:
        key: passes of equal keys can be one model call.
        extra: what else the call must leave for the job; a call serves one such wish, and any
            number of passes that have none. None: nothing.
        rows: latents that go through the model.
        memory: bytes of all of its rows while the call runs.
        work: what it costs, in any one unit: what fairness is counted in.
        alone: cannot share a call.
    """

    key: Hashable
    rows: int
    memory: int
    work: float
    extra: Hashable | None = None
    alone: bool = False


@dataclass(slots=True)
class _Job:
    tenant: str
    held: int
    age: int
    want: Want | None = None


@dataclass(slots=True)
class _Tenant:
    clock: float
    waiting: dict[Name, _Job] = field(default_factory=dict)
    running: dict[Name, _Job] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.running)


class Scheduler:
    """Decides; computes nothing. Not thread-safe: one loop asks.

    ``memory`` (bytes) is for model calls and for what running jobs hold. Jobs may hold three
    quarters of it; a tenant's second job and those after it start below one half alone, so that a
    tenant that comes later finds room too.
    """

    def __init__(self, *, rows: int, memory: int, window: int | None = None) -> None:
        """``rows`` of one call at most; ``window``: jobs of one tenant that run at once."""
        self.rows, self.memory = rows, memory
        self.window = rows if window is None else window
        self.held = 0
        self._tenants: dict[str, _Tenant] = {}
        self._jobs: dict[Name, _Job] = {}
        self._now = 0.0  # the clock of whoever was last furthest behind
        self._count = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def submit(self, name: Name, tenant: str, held: int) -> None:
        """A new job, to be started when there is room; ``held`` bytes while it runs."""
        queue = self._tenants.get(tenant)
        if queue is None:
            queue = self._tenants[tenant] = _Tenant(self._now)
        elif not queue.busy:  # time that it did not use is not saved up
            queue.clock = max(queue.clock, self._now)
        self._count += 1
        job = _Job(tenant, held, self._count)
        self._jobs[name] = queue.waiting[name] = job

    def start(self, each: int = 0) -> list[Name]:
        """Jobs to start now: those with the fewest running first, while memory allows it.

        The first job of all starts in any case: what cannot fit was refused before.

        Args:
            each: jobs of one tenant at most, 0 for any number: a start reads prompts, and whoever
                has many waits between them as others' calls are made.
        """
        started: list[Name] = []
        counts: dict[str, int] = {}
        while True:
            queues = [q for q in self._tenants.values() if q.waiting]
            queues = [q for q in queues if len(q.running) < self.window]
            if each:
                queues = [q for q in queues if counts.get(_tenant_of(q), 0) < each]
            if not queues:
                return started
            queue = min(queues, key=lambda q: (len(q.running), q.clock, _oldest(q.waiting)))
            name, job = next(iter(queue.waiting.items()))
            if any(q.running for q in self._tenants.values()):
                quarters = 2 if queue.running else 3
                if self.held + job.held > self.memory * quarters // 4:
                    return started
            counts[job.tenant] = counts.get(job.tenant, 0) + 1
            del queue.waiting[name]
            queue.running[name] = job
            self.held += job.held
            started.append(name)

    def want(self, name: Name, want: Want) -> None:
        """A running job waits for a pass."""
        self._jobs[name].want = want

    def next(self) -> list[Name]:
        """The jobs whose passes are the next call, the leader first; empty if none waits."""
        ready: dict[str, list[Name]] = {}  # by tenant, oldest first
        for name, job in self._jobs.items():
            if job.want is not None:
                ready.setdefault(job.tenant, []).append(name)
        if not ready:
            return []
        turns = [self._turn(tenant, names) for tenant, names in ready.items()]
        leader = min(turns)[-1]
        name = ready[leader].pop(0)
        self._now = max(self._now, self._tenants[leader].clock)
        want = lead = self._serve(name)
        chosen, rows, memory, extra = [name], want.rows, want.memory, want.extra
        turns = [self._turn(tenant, names) for tenant, names in ready.items() if names]
        heapq.heapify(turns)
        while turns and rows < self.rows and not lead.alone:
            tenant = heapq.heappop(turns)[-1]
            name = ready[tenant].pop(0)
            pending = self._jobs[name].want
            if (
                pending is not None
                and _joins(lead, pending, extra)
                and rows + pending.rows <= self.rows
                and memory + pending.memory <= self.memory - self.held
            ):
                want = self._serve(name)
                chosen.append(name)
                rows, memory = rows + want.rows, memory + want.memory
                extra = extra if want.extra is None else want.extra
            if ready[tenant]:
                heapq.heappush(turns, self._turn(tenant, ready[tenant]))
        return chosen

    def _turn(self, tenant: str, names: list[Name]) -> tuple[float, int, str]:
        """What the order of tenants is decided by."""
        return self._tenants[tenant].clock, self._jobs[names[0]].age, tenant

    def _serve(self, name: Name) -> Want:
        job = self._jobs[name]
        want, job.want = job.want, None
        assert want is not None  # noqa: S101 it is ready
        self._tenants[job.tenant].clock += want.work
        return want

    def remove(self, name: Name) -> None:
        """A job has ended, however; nothing happens for one that is not here."""
        job = self._jobs.pop(name, None)
        if job is None:
            return
        queue = self._tenants[job.tenant]
        queue.waiting.pop(name, None)
        if queue.running.pop(name, None) is not None:
            self.held -= job.held
        # one that is ahead of the others must come back to the clock it left
        for tenant in [t for t, q in self._tenants.items() if not q.busy and q.clock <= self._now]:
            del self._tenants[tenant]
        if not self._jobs:
            self._tenants.clear()
            self._now = 0.0


def _tenant_of(queue: _Tenant) -> str:
    return next(iter(queue.waiting.values())).tenant


def _oldest(jobs: dict[Name, _Job]) -> int:
    return min((job.age for job in jobs.values()), default=0)


def _joins(lead: Want, want: Want, extra: Hashable | None) -> bool:
    if want.alone or want.key != lead.key:
        return False
    return extra is None or want.extra is None or want.extra == extra

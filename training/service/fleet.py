"""``python -m training.service.fleet``: how many GPUs for how many users, by simulation.

``--measure FILE --pair P`` times model calls of this machine: seconds of a call as ``fixed + rows x
each``, for whole and for shallow passes. Without it, a fleet of such machines is simulated call by
call: users ask for pictures at random (Poisson), a job goes to the machine with the least work, and
each machine shares its calls among its jobs as the service does, the longest waiting first. What it
leaves out: the network, HTTP, loading of models, machines that fail.
"""

from __future__ import annotations

import heapq
import json
import random
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from obclip.cloud.plan import Features
from obclip.cloud.planner import make_plan

#: Kinds of call that are timed.
KINDS = {Features.FULL: "full", Features.SHALLOW: "shallow", Features.SKIP: "shallow"}
Times = dict[str, tuple[float, float]]


def measure(pair: str, device: str, dtype: str) -> dict[str, Any]:
    """Times of model calls of a pair's cloud model on this machine."""
    import torch

    from obclip.cloud.plan import Kind
    from obclip.cloud.seconds import calibrate
    from obclip.diffusion.loading import load
    from obclip.diffusion.pairs import find

    parts = load(find(pair).cloud, dtype=getattr(torch, dtype), device=device, vae=False)
    cells, tokens = parts.side // parts.latent_factor, int(parts.tokenizers[0].model_max_length)
    plan = make_plan("balanced", 2, 25, 10)
    seconds = calibrate(parts.unet, plan, cells, cells, tokens, rows=16)
    found: dict[str, Any] = {"pair": pair, "device": device, "dtype": dtype}
    for kind, line in seconds.kinds.items():
        found[KINDS[kind.features]] = line
    found.setdefault("shallow", found["full"])
    assert Kind() in seconds.kinds  # noqa: S101 a whole pass is always timed
    return found


@dataclass(slots=True)
class Job:
    """One candidate set on its way: its passes, (kind, rows) each."""

    came: float
    passes: deque[tuple[str, int]]

    @property
    def rows(self) -> int:
        return sum(rows for _, rows in self.passes)


@dataclass(slots=True)
class Gpu:
    """One machine: jobs in their order, and until when its call lasts."""

    jobs: list[Job] = field(default_factory=list)
    busy: float = 0.0
    ends: float | None = None

    @property
    def load(self) -> int:
        return sum(job.rows for job in self.jobs)


def passes(n: int, steps: int, split: int, plan: str) -> list[tuple[str, int]]:
    """The model calls of one job alone."""
    made = make_plan(plan, n, steps, split, (n,))
    return [(KINDS[s.kind.features], s.conditional + s.unconditional) for s in made.program]


def alone(calls: Sequence[tuple[str, int]], times: Times) -> float:
    """Seconds of one job on a machine of its own."""
    return sum(times[kind][0] + rows * times[kind][1] for kind, rows in calls)


def call(gpu: Gpu, times: Times, rows: int) -> tuple[float, list[Job]]:
    """The next call of a machine: its seconds, and the jobs whose passes are in it."""
    kind = gpu.jobs[0].passes[0][0]
    chosen: list[Job] = []
    used = 0
    for job in gpu.jobs:
        wanted, mine = job.passes[0]
        if wanted == kind and (not chosen or used + mine <= rows):
            chosen.append(job)
            used += mine
    fixed, each = times[kind]
    return fixed + used * each, chosen


def simulate(
    times: Times, work: Sequence[tuple[str, int]], *, users: int, rate: float, gpus: int,
    hours: float, rows: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    """A fleet for some hours; ``rate`` is pictures a user and hour, ``rows`` most of a call."""
    rng = random.Random(seed)
    fleet = [Gpu() for _ in range(gpus)]
    end, waits, done = hours * 3600.0, [], 0
    events: list[tuple[float, int, int]] = []  # (when, order, gpu; -1: a job comes)
    order = 0
    heapq.heappush(events, (rng.expovariate(users * rate / 3600.0), order, -1))
    while events:
        now, _, which = heapq.heappop(events)
        if now > end:
            break
        if which < 0:
            gpu = min(fleet, key=lambda g: g.load)
            gpu.jobs.append(Job(now, deque(work)))
            order += 1
            heapq.heappush(events, (now + rng.expovariate(users * rate / 3600.0), order, -1))
        else:
            gpu = fleet[which]
            gpu.ends = None
            for job in gpu.jobs:
                if not job.passes:
                    waits.append(now - job.came)
                    done += 1
            gpu.jobs = [job for job in gpu.jobs if job.passes]
        if gpu.ends is None and gpu.jobs:
            seconds, chosen = call(gpu, times, rows)
            for job in chosen:
                job.passes.popleft()
            # those that were served go behind those that were not
            ids = {id(job) for job in chosen}
            gpu.jobs = [j for j in gpu.jobs if id(j) not in ids] + chosen
            gpu.busy += min(seconds, end - now)
            gpu.ends = now + seconds
            order += 1
            heapq.heappush(events, (gpu.ends, order, fleet.index(gpu)))
    waits += [end - job.came for gpu in fleet for job in gpu.jobs]  # at least that
    waits.sort()
    return {
        "pictures an hour": done / hours,
        "in use": sum(gpu.busy for gpu in fleet) / (gpus * end),
        "wait, median s": statistics.median(waits) if waits else float("nan"),
        "wait, 95 % s": waits[len(waits) * 95 // 100] if waits else float("nan"),
        "left over": float(sum(len(gpu.jobs) for gpu in fleet)),
    }


def fewest(
    times: Times, work: Sequence[tuple[str, int]], *, users: int, rate: float, hours: float,
    rows: int, seed: int, patience: float,
) -> tuple[int, dict[str, float]]:  # fmt: skip
    """The smallest fleet in which 95 of 100 wait no longer than ``patience`` seconds."""
    low, high = 0, 1
    while True:
        told = simulate(
            times, work, users=users, rate=rate, gpus=high, hours=hours, rows=rows, seed=seed
        )
        if told["wait, 95 % s"] <= patience or high >= 4096:
            break
        low, high = high, high * 2
    best = high, told
    while high - low > 1:
        middle = (low + high) // 2
        told = simulate(
            times, work, users=users, rate=rate, gpus=middle, hours=hours, rows=rows, seed=seed
        )
        if told["wait, 95 % s"] <= patience:
            high, best = middle, (middle, told)
        else:
            low = middle
    return best


@click.command()
@click.option("--measure", "target", type=click.Path(path_type=Path), help="Time calls into FILE.")
@click.option("--pair", default="mini", show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--dtype", default="float32", show_default=True)
@click.option("--times", "source", type=click.Path(exists=True, path_type=Path), help="Its FILE.")
@click.option("--users", default="100,1000,10000", show_default=True)
@click.option("--n", "sizes", default="2,6,10", show_default=True)
@click.option("--split", "splits", default="5,10", show_default=True)
@click.option("--steps", default=25, show_default=True)
@click.option("--plan", default="exact", show_default=True)
@click.option("--rate", default=12.0, show_default=True, help="Pictures a user and hour.")
@click.option("--patience", default=10.0, show_default=True, help="95 of 100 wait no longer (s).")
@click.option("--rows", default=32, show_default=True, help="Most rows of a call.")
@click.option("--hours", default=0.25, show_default=True)
@click.option("--price", default=2.0, show_default=True, help="Of one machine and hour.")
@click.option("--seed", default=1, show_default=True)
def main(
    target: Path | None, pair: str, device: str, dtype: str, source: Path | None, users: str,
    sizes: str, splits: str, steps: int, plan: str, rate: float, patience: float, rows: int,
    hours: float, price: float, seed: int,
) -> None:  # fmt: skip
    """Times calls, or simulates a fleet of what was timed."""
    if target is not None:
        found = measure(pair, device, dtype)
        target.write_text(json.dumps(found, indent=1) + "\n")
        click.echo(json.dumps(found))
        return
    if source is None:
        raise click.UsageError("--times FILE is needed (made by --measure FILE)")
    read = json.loads(source.read_text())
    times: Times = {kind: tuple(read[kind]) for kind in ("full", "shallow")}
    click.echo(
        f"{read['pair']} on {read['device']} {read['dtype']}, plan {plan}, T = {steps}, "
        f"{rate:g} pictures a user and hour, price {price:g} a machine and hour\n"
    )
    heads = ("N", "k", "users", "machines", "in use", "alone s", "median s", "95 % s", "1,000 cost")
    click.echo(f"| {' | '.join(heads)} |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for n in map(int, sizes.split(",")):
        for split in map(int, splits.split(",")):
            work = passes(n, steps, split, plan)
            for crowd in map(int, users.split(",")):
                gpus, told = fewest(
                    times, work, users=crowd, rate=rate, hours=hours, rows=rows, seed=seed,
                    patience=max(patience, 1.5 * alone(work, times)),
                )  # fmt: skip
                cost = 1000 * price * gpus / max(told["pictures an hour"], 1e-9)
                click.echo(
                    f"| {n} | {split} | {crowd} | {gpus} | {told['in use']:.0%} "
                    f"| {alone(work, times):.2f} | {told['wait, median s']:.2f} "
                    f"| {told['wait, 95 % s']:.2f} | {cost:.2f} |"
                )


if __name__ == "__main__":
    main()

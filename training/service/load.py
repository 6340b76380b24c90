"""``python -m training.service.load --clients 64 --minutes 10``: many users of one cloud.

Every client is a user with a key of its own, speaks the product's own protocol, one job after the
other, mixed set sizes, splits and plans. Every answer is compared with that of the engine driven
directly. The same work is then driven directly: one job after the other, and through the loop that
shares model calls, with as many at once. Exit code 1 if an aim of docs/reliability.md is missed.

A run that is broken off starts again: memory and waits are about one unbroken stretch.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from obclip.client.patience import Patience
from obclip.client.transport import Connection
from obclip.errors import ObclipError
from training.service.cloud import CloudProcess
from training.service.oracle import Oracle, same, tiny_pair
from training.service.workload import Piece, Served, alone, pieces, shared


class Crowd:
    """The clients, each in a thread, and what came back to them."""

    def __init__(self, address: str, keys: list[str], work: list[Piece], seed: int) -> None:
        self.address, self.keys, self.work, self.seed = address, keys, work, seed
        self.served: list[Served] = []
        self.lost: list[str] = []
        self.sent = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.begun = time.monotonic()
        self._threads = [threading.Thread(target=self._client, args=(i,)) for i in range(len(keys))]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new jobs; those that are out come back."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, number: int) -> None:
        rng = random.Random(f"{self.seed}/{number}")
        turn, patience = 0, Patience(total=86400.0)
        with Connection(self.address, key=self.keys[number], patience=patience) as connection:
            while not self._stop.is_set():
                order = rng.sample(self.work, len(self.work))
                for piece in order:
                    if self._stop.is_set():
                        return
                    turn += 1
                    self._job(number, turn, piece, connection)
                    connection.trace.clear()

    def _job(self, number: int, turn: int, piece: Piece, connection: Connection) -> None:
        begun = time.monotonic()
        with self._lock:
            self.sent += 1
        try:
            accepted = connection.submit(piece.bytes_of(f"load-{number}-{turn}"))
            connection.follow(accepted, lambda progress: None)
            got = connection.fetch(accepted, piece.shape)
        except ObclipError as error:
            with self._lock:
                self.lost.append(f"{type(error).__name__} {error.code}: {error}")
            return
        took = time.monotonic() - begun
        right = same(piece.expected, got)
        with self._lock:
            self.served.append(Served(number, piece.name, begun - self.begun, took, right))


def _watch(cloud: CloudProcess, crowd: Crowd, seconds: float) -> list[tuple[float, int]]:
    """Memory of the cloud, each second, and a line each half minute."""
    samples, told = [], 0.0
    while (now := time.monotonic() - crowd.begun) < seconds:
        samples.append((now, cloud.memory()))
        if now - told >= 30:
            told = now
            wrong = sum(not job.right for job in crowd.served)
            click.echo(
                f"{now:6.0f} s  {len(crowd.served)} answers, {wrong} wrong, "
                f"{len(crowd.lost)} lost, {samples[-1][1] / 2**20:.0f} MiB"
            )
        time.sleep(1)
    return samples


def fairness(served: list[Served], least: int) -> tuple[float, str, float]:
    """(largest ratio of two users' mean waits for equal work, which work, over all work).

    A user's mean counts from ``least`` jobs of a kind on; ``over all`` is of waits as multiples of
    the mean for their kind.
    """
    by_kind: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for job in served:
        by_kind[job.kind][job.client].append(job.seconds)
    worst, which = 1.0, "none"
    relative: dict[int, list[float]] = defaultdict(list)
    for kind, users in by_kind.items():
        everyone = statistics.fmean(s for waits in users.values() for s in waits)
        for user, waits in users.items():
            relative[user] += [wait / everyone for wait in waits]
        means = [statistics.fmean(waits) for waits in users.values() if len(waits) >= least]
        if len(means) > 1 and max(means) / min(means) > worst:
            worst, which = max(means) / min(means), kind
    overall = [statistics.fmean(waits) for waits in relative.values()]
    return worst, which, max(overall) / min(overall) if overall else float("nan")


def growth(samples: list[tuple[float, int]]) -> float:
    """Mean memory of the last minute over that of the third one (of the first half if shorter)."""
    length = samples[-1][0]
    third = [size for at, size in samples if 120 <= at < 180] if length >= 240 else []
    early = third or [size for at, size in samples if length / 4 <= at < length / 2]
    last = [size for at, size in samples if at >= length - min(60.0, length / 4)]
    return statistics.fmean(last) / statistics.fmean(early)


@click.command()
@click.option("--clients", default=64, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--pair", default="tiny", show_default=True, help="tiny: random weights, made here.")
@click.option("--engine", default="embedded", type=click.Choice(["embedded", "ray"]))
@click.option("--threads", default=1, show_default=True, help="Of torch, there and here.")
@click.option("--rows", default=32, show_default=True, help="Latents of one model call.")
@click.option("--direct", default=60.0, show_default=True, help="Seconds of each direct drive.")
@click.option("--seed", default=1, show_default=True)
@click.option("--work", "folder", default=Path("build/service"), type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Figures as JSON.")
def main(
    clients: int, minutes: float, pair: str, engine: str, threads: int, rows: int, direct: float,
    seed: int, folder: Path, out: Path | None,
) -> None:  # fmt: skip
    """Loads a real service and says whether the aims were met."""
    import torch

    from obclip.server.accounts import Accounts

    torch.set_num_threads(threads)
    folder.mkdir(parents=True, exist_ok=True)
    name = tiny_pair(folder.absolute() / "tiny") if pair == "tiny" else pair
    database = folder.absolute() / f"load-{time.time_ns()}.db"
    accounts = Accounts(database)
    keys = [accounts.add(f"user-{i}") for i in range(clients)]
    accounts.close()
    oracle = Oracle(name)
    with _cloud(name, engine, database, threads, rows, clients, folder) as cloud:
        with Connection(f"http://127.0.0.1:{cloud.port}", key=keys[0]) as asking:
            model = asking.info().models[0]
        work = pieces(oracle, model.name, model.height, model.guidance, seed)
        before = _direct(oracle, work, direct / 2, clients, rows)
        click.echo(f"{len(work)} kinds of work, {clients} clients, {minutes:g} minutes")
        first = _first(f"http://127.0.0.1:{cloud.port}", keys[0], work)
        crowd = Crowd(f"http://127.0.0.1:{cloud.port}", keys, work, seed)
        samples = _watch(cloud, crowd, minutes * 60)
        in_time = [job for job in crowd.served if job.begun + job.seconds <= minutes * 60]
        crowd.stop()
    after = _direct(oracle, work, direct / 2, clients, rows)
    figures = _figures(crowd, in_time, samples, minutes, (before, after))
    figures["first of each kind, s"] = round(first, 2)
    figures |= {"clients": clients, "pair": pair, "minutes": minutes, "engine": engine}
    for key, value in figures.items():
        click.echo(f"{key:34} {value}")
    if out is not None:
        out.write_text(json.dumps(figures, indent=1) + "\n")
    database.unlink(missing_ok=True)
    missed = [aim for aim, met in figures["aims"].items() if not met]
    sys.exit(1 if missed else 0)


def _first(address: str, key: str, work: list[Piece]) -> float:
    """Seconds of one job of each kind on a cloud that has just started: costs are counted once."""
    begun = time.monotonic()
    with Connection(address, key=key) as connection:
        for piece in work:
            accepted = connection.submit(piece.bytes_of("first"))
            connection.follow(accepted, lambda progress: None)
    return time.monotonic() - begun


def _direct(
    oracle: Oracle, work: list[Piece], seconds: float, clients: int, rows: int
) -> tuple[float, float]:
    """Jobs a second (one by one, shared), while the cloud has nothing to do."""
    return alone(oracle, work, seconds), shared(oracle, work, seconds, clients, rows)


def _cloud(
    name: str, engine: str, database: Path, threads: int, rows: int, clients: int, folder: Path
) -> CloudProcess:
    """The cloud under test."""
    options = [
        "--pair", name, "--database", str(database), "--threads", str(threads),
        "--queue", str(2 * clients), "--batch", str(rows),
    ]  # fmt: skip
    if engine != "embedded":
        options += ["--engine", engine]
    return CloudProcess(options, folder / f"load-{engine}.log")


def _figures(
    crowd: Crowd, in_time: list[Served], samples: list[tuple[float, int]], minutes: float,
    drives: tuple[tuple[float, float], tuple[float, float]],
) -> dict[str, Any]:  # fmt: skip
    # before and after the load: another program on the machine would show as a difference
    rates = [statistics.fmean(pair) for pair in zip(*drives, strict=True)]
    waits = sorted(job.seconds for job in crowd.served)
    wrong = sum(not job.right for job in crowd.served)
    lost = crowd.sent - len(crowd.served)
    rate = len(in_time) / (minutes * 60)
    ratio, which, overall = fairness(crowd.served, 3)
    grown = growth(samples)
    return {
        "jobs sent": crowd.sent, "answers right": len(crowd.served) - wrong, "wrong": wrong,
        "lost": lost, "why lost": sorted(set(crowd.lost))[:5],
        "jobs a second": round(rate, 3),
        "engine alone, one by one": round(rates[0], 3),
        "loop driven directly": round(rates[1], 3),
        "that before and after": [round(drive[1], 3) for drive in drives],
        "of the loop's": round(rate / rates[1], 3),
        "of the engine's": round(rate / rates[0], 3),
        "wait, median s": round(statistics.median(waits), 3) if waits else None,
        "wait, 99 % s": round(waits[len(waits) * 99 // 100], 3) if waits else None,
        "users' waits, largest ratio": round(ratio, 3), "in": which,
        "users' waits, over all work": round(overall, 3),
        "memory, MiB": round(samples[-1][1] / 2**20, 1), "memory, last to third minute": grown,
        "aims": {
            "0 wrong or lost": not wrong and not lost and bool(waits),
            "at least 90 % of the engine's, driven directly": rate >= 0.9 * rates[0],
            "at least 90 % of the loop's": rate >= 0.9 * rates[1],
            "no user waits 3 times another": ratio <= 3,
            "memory flat within 5 %": abs(grown - 1) <= 0.05,
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()

"""``python -m training.service.faults --trials 200 --seed 1``: randomised trials of the service.

Each trial kills the server, a replica or the device, cuts, slows, duplicates or truncates its
connections, or fills the disk of the cloud's database, while one device asks for one set. It must
end in the right answer, compared with the engine driven directly, or in a clear error; every retry
must be the same bytes; nothing may be half-written. Trials that are done are not run again, so a
run that is broken off goes on where it was. Exit code 1 if a promise was broken.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import click

from training.service.cloud import CloudProcess
from training.service.oracle import Oracle, tiny_pair
from training.service.proxy import proxied
from training.service.trial import KINDS, RAY_KINDS, Bench, Outcome, run_trial


@click.command()
@click.option("--trials", default=200, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--engine", default="embedded", type=click.Choice(["embedded", "ray"]))
@click.option("--only", metavar="KIND", help="Trials of one kind alone.")
@click.option("--split", default=10, show_default=True, help="Steps the cloud runs.")
@click.option("--work", default=Path("build/service"), type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Figures as JSON.")
@click.option("--minutes", default=0.0, help="Begin no trial after that; 0 for no end.")
def main(
    trials: int, seed: int, engine: str, only: str | None, split: int, work: Path,
    out: Path | None, minutes: float,
) -> None:  # fmt: skip
    """Breaks a real service, trial by trial, and says what came of it."""
    kinds = (only,) if only else KINDS if engine == "embedded" else RAY_KINDS
    work.mkdir(parents=True, exist_ok=True)
    ledger = work / f"faults-{engine}-{seed}.jsonl"
    rows = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    outcomes = [Outcome(**row) for row in rows]
    done = {outcome.number for outcome in outcomes}
    pair = tiny_pair(work.absolute() / "tiny")
    database = work.absolute() / f"faults-{engine}.db"
    key = _key(database)
    options = ["--pair", pair, "--database", str(database), "--threads", "1", "--queue", "32"]
    if engine == "ray":
        options += ["--engine", "ray"]
    folder = work.absolute() / f"trials-{engine}"
    end = time.monotonic() + minutes * 60 if minutes else float("inf")
    with (
        CloudProcess(options, work / f"cloud-{engine}.log") as cloud,
        proxied(cloud.address) as proxy,
    ):
        bench = Bench(cloud, proxy, Oracle(pair), folder, database, key, split)
        for number in range(trials):
            if number in done or time.monotonic() > end:
                continue
            outcome = run_trial(number, seed, kinds, bench)
            outcomes.append(outcome)
            with ledger.open("a") as kept:
                kept.write(json.dumps(outcome.line()) + "\n")
            click.echo(_line(outcome))
            if out is not None:  # so that a run that is broken off leaves its figures
                _write(out, outcomes, engine, seed)
            if not outcome.wrong:
                shutil.rmtree(folder / f"trial-{number}", ignore_errors=True)
    sys.exit(_report(outcomes, trials, engine, seed, out))


def _key(database: Path) -> str:
    """A key of this run's own."""
    from obclip.server.accounts import Accounts

    accounts = Accounts(database)
    try:
        return accounts.add(f"faults-{time.time_ns()}")
    finally:
        accounts.close()


def _line(outcome: Outcome) -> str:
    end = outcome.ended + (f", then {outcome.recovered}" if outcome.recovered else "")
    broken = f"  BROKEN: {'; '.join(outcome.wrong)}" if outcome.wrong else ""
    return (
        f"{outcome.number:4} {outcome.kind:22} {outcome.detail:44} {end:34} "
        f"{outcome.posts} sent "
        f"{outcome.seconds:6.1f} s{broken}"
    )


def _report(
    outcomes: list[Outcome], trials: int, engine: str, seed: int, out: Path | None
) -> int:  # fmt: skip
    """Prints the table of all trials so far; the exit code."""
    click.echo(f"\n{'kind':24}{'trials':>8}{'right':>8}{'right on retry':>16}{'broken':>8}  ended")
    for kind in sorted({outcome.kind for outcome in outcomes}):
        of = [outcome for outcome in outcomes if outcome.kind == kind]
        ended = Counter(outcome.ended for outcome in of)
        told = ", ".join(f"{name} {count}" for name, count in ended.most_common())
        again = sum(outcome.recovered == "ok" for outcome in of)
        broken = sum(bool(outcome.wrong) for outcome in of)
        click.echo(f"{kind:24}{len(of):8}{ended['ok']:8}{again:16}{broken:8}  {told}")
    broken = sum(bool(outcome.wrong) for outcome in outcomes)
    click.echo(f"{len(outcomes)} of {trials} trials, {broken} broke a promise")
    if out is not None:
        _write(out, outcomes, engine, seed)
    return 1 if broken or len(outcomes) < trials else 0


def _write(out: Path, outcomes: list[Outcome], engine: str, seed: int) -> None:
    figures = {
        "engine": engine, "seed": seed, "trials": len(outcomes),
        "broken": sum(bool(outcome.wrong) for outcome in outcomes),
        "outcomes": [outcome.line() for outcome in outcomes],
    }  # fmt: skip
    out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

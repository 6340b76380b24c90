"""``obclip attack``: privacy games against every method; fails when a promise is broken."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.evaluation.attacks.run import Result

#: Sets of six members that the benchmark holds.
MOST_PICTURES = 50


@click.command("attack")
@click.option("--quick", is_flag=True, help="200 rounds a game, with the power that leaves.")
@click.option("--trials", type=int, help="Rounds of each game.  [default: what the power needs]")
@click.option("--only", default="", metavar="TEXT", help="Games or methods with TEXT in the name.")
@click.option(
    "--pictures",
    default=0,
    show_default=True,
    help="Rounds of the published-picture game (seconds each, at N = 2 and 6).",
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prompts for the correlated-words game.",
)
@click.option("--jobs", type=int, help="Games played side by side.  [default: one a core]")
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown.")
@click.option("--json", "as_json", is_flag=True)
def command(
    quick: bool, trials: int | None, only: str, pictures: int, texts: Path | None,
    jobs: int | None, markdown: bool, as_json: bool,
) -> None:  # fmt: skip
    """Play every privacy game against every method. Exit code 1 when a promise is broken.

    Wrong usage is 2.
    """
    import os

    from obclip.cli._told import told
    from obclip.evaluation.attacks.run import bouts, broken, extras, run, statement

    if trials is not None and not 8 <= trials <= 1_000_000:
        raise click.UsageError(f"trials out of range; got {trials}, expected 8 to 1000000")
    if jobs is not None and not 1 <= jobs <= 256:
        raise click.UsageError(f"jobs out of range; got {jobs}, expected 1 to 256")
    if not 0 <= pictures <= MOST_PICTURES:
        raise click.UsageError(f"pictures out of range; got {pictures}, expected 0 to "
                               f"{MOST_PICTURES}")  # fmt: skip
    # first, so that a file that cannot be read is told before the long part
    with told("pictures", quiet=as_json) as on_picture:
        reported = extras(pictures, texts, only, on_picture)
    with told("games", quiet=as_json) as on_done:
        results = run(
            quick=quick, trials=trials, only=only, jobs=jobs or os.cpu_count() or 1,
            on_done=on_done,
        )  # fmt: skip
    results += reported
    if not results:
        names = sorted({b.game.name for b in bouts()} | {b.method for b in bouts()})
        raise click.UsageError(
            f"no game or method with {only!r} in its name; expected a part of one of: "
            f"{'; '.join(names)}; and --pictures N for the game of published pictures"
        )
    bad = broken(results)
    if as_json:
        click.echo(json.dumps({
            "results": [_as_dict(r) for r in results], "broken": bad,
            "statement": statement(results),
        }))  # fmt: skip
    else:
        _show(results, bad, statement(results), markdown=markdown)
    if bad:
        raise click.exceptions.Exit(1)


def _as_dict(result: Result) -> dict[str, Any]:
    low, high = result.outcome.interval
    return {
        **asdict(result), "rate": result.outcome.rate, "low": low, "high": high,
        "p": result.outcome.p,
    }  # fmt: skip


HEAD = ("game", "method", "right", "95 % interval", "guessing", "rounds", "verdict")


def _show(results: list[Result], bad: list[str], statement: str, *, markdown: bool) -> None:
    from obclip.cli._bench_show import as_table
    from obclip.evaluation.bench.table import markdown as as_markdown

    for kind in dict.fromkeys(r.kind for r in results):
        rows = [_cells(r) for r in results if r.kind == kind]
        if markdown:
            click.echo(f"**{kind}**\n\n{as_markdown(HEAD, rows)}")
        else:
            as_table(kind, HEAD, rows)
    for advice in dict.fromkeys(f"{r.game}: {r.advice}" for r in results if r.advice):
        click.echo(("- " if markdown else "") + advice)
    click.echo(("\n" if markdown else "") + statement)
    for line in bad:
        click.secho(line, fg="red", bold=True)


def _cells(r: Result) -> tuple[str, ...]:
    low, high = r.outcome.interval
    return (
        r.game, r.method, f"{r.outcome.rate:.3f}", f"[{low:.3f}, {high:.3f}]",
        f"{r.outcome.chance:.3f}", str(r.outcome.trials),
        "above chance" if r.found else "not above chance",
    )  # fmt: skip

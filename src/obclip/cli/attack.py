"""``obclip attack``: privacy games against every method; fails when a promise is broken."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.evaluation.attacks.run import Result


@click.command("attack")
@click.option("--quick", is_flag=True, help="200 rounds a game, with the power that leaves.")
@click.option("--trials", type=int, help="Rounds of each game.  [default: what the power needs]")
@click.option("--only", default="", metavar="TEXT", help="Games or methods with TEXT in the name.")
@click.option(
    "--pictures",
    default=0,
    show_default=True,
    help="Rounds of the published-picture game (about 3 s each at N = 2).",
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prompts for the correlated-words game.",
)
@click.option("--json", "as_json", is_flag=True)
def command(
    quick: bool, trials: int | None, only: str, pictures: int, texts: Path | None, as_json: bool
) -> None:
    """Play every privacy game against every method. Exit code 1 when a promise is broken."""
    from obclip.cli._options import progress
    from obclip.errors import RequestError
    from obclip.evaluation.attacks.run import broken, extras, run, statement

    if trials is not None and not 8 <= trials <= 1_000_000:
        raise RequestError("trials out of range", got=trials, expected="8 to 1000000")
    with progress(quiet=as_json) as bars:
        results = run(
            quick=quick, trials=trials, only=only,
            on_done=lambda done, total: bars("games", done, total),
        )  # fmt: skip
    if not only:
        results += extras(pictures, texts)
    if not results:
        raise RequestError("no game of that name", code="no_game", got=only)
    bad = broken(results)
    if as_json:
        click.echo(json.dumps({
            "results": [_as_dict(r) for r in results], "broken": bad,
            "statement": statement(results),
        }))  # fmt: skip
    else:
        _show(results, bad, statement(results))
    if bad:
        raise click.exceptions.Exit(1)


def _as_dict(result: Result) -> dict[str, Any]:
    low, high = result.outcome.interval
    return {
        **asdict(result), "rate": result.outcome.rate, "low": low, "high": high,
        "p": result.outcome.p,
    }  # fmt: skip


def _show(results: list[Result], bad: list[str], statement: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=150)
    for kind in dict.fromkeys(r.kind for r in results):
        table = Table(title=kind, title_justify="left")
        for name in ("game", "method", "right", "95 % interval", "chance", "rounds", "verdict"):
            table.add_column(name, justify="left" if name in ("game", "method") else "right")
        for r in results:
            if r.kind != kind:
                continue
            low, high = r.outcome.interval
            table.add_row(
                r.game, r.method, f"{r.outcome.rate:.3f}", f"[{low:.3f}, {high:.3f}]",
                f"{r.outcome.chance:.3f}", str(r.outcome.trials),
                "above chance" if r.found else "not above chance",
            )  # fmt: skip
        console.print(table, markup=False)
    for advice in dict.fromkeys(f"{r.game}: {r.advice}" for r in results if r.advice):
        console.print(advice, highlight=False)
    console.print(statement, highlight=False)
    for line in bad:
        console.print(line, style="bold red")

"""``python -m training.service.report FILE...``: figures of loads and faults as docs' Markdown.

Each FILE is what ``training.service.load --out`` or ``training.service.faults --out`` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

#: (what docs/reliability.md calls it, aim, names in the figures).
ROWS = (
    ("jobs sent, right", "all", ("jobs sent", "answers right")),
    ("wrong, lost", "0, 0", ("wrong", "lost")),
    ("jobs a second", "", ("jobs a second",)),
    (
        "of the engine's driven directly, one job after the other", "90 % or more",
        ("of the engine's",),
    ),
    ("of the loop's driven directly", "90 % or more", ("of the loop's",)),
    (
        "largest ratio of two users' mean waits for equal work", "3 or less",
        ("users' waits, largest ratio",),
    ),
    ("memory, last minute over the third", "0.95 to 1.05", ("memory, last to third minute",)),
    ("wait, median and 99 % (s)", "", ("wait, median s", "wait, 99 % s")),
)  # fmt: skip


def loads(runs: Sequence[dict[str, Any]]) -> list[str]:
    """One column a run."""
    heads = [f"{r['clients']} clients, {r['pair']}, {r['minutes']:g} min" for r in runs]
    lines = [f"| figure | aim | {' | '.join(heads)} |", "|---|---|" + "---|" * len(runs)]
    for name, aim, keys in ROWS:
        cells = [", ".join(_told(run[key]) for key in keys) for run in runs]
        lines.append(f"| {name} | {aim} | {' | '.join(cells)} |")
    return lines


def faults(runs: Sequence[dict[str, Any]]) -> list[str]:
    """One row a trouble of each run, and one for all of it."""
    lines = [
        "| engine | trouble | trials | right at once | then right | broken promises |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        rows = run["outcomes"]
        for kind in [*sorted({row["kind"] for row in rows}), "all"]:
            of = [row for row in rows if kind in ("all", row["kind"])]
            lines.append(
                f"| {run['engine']} | {kind} | {len(of)} "
                f"| {sum(row['ended'] == 'ok' for row in of)} "
                f"| {sum(row['recovered'] == 'ok' for row in of)} "
                f"| {sum(bool(row['wrong']) for row in of)} |"
            )
    return lines


def _told(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Prints the tables of docs/reliability.md."""
    runs = [json.loads(file.read_text()) for file in files]
    for pick, table in (("jobs sent", loads), ("outcomes", faults)):
        if chosen := [run for run in runs if pick in run]:
            click.echo("\n".join(table(chosen)) + "\n")


if __name__ == "__main__":
    main()

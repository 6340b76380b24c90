"""What ``obclip bench`` prints: tables for a terminal, Markdown for a page, JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.evaluation.bench.prompts import Set
    from obclip.evaluation.bench.table import Line
    from obclip.evaluation.bench.work import Work

NOTES = (
    "FLOPs are exact and count the UNet alone, two for a multiply-add; text encoders, decoders and "
    "encryption are not in them. Only ratios compare with the paper's.",
    "Quality is that of the one judge named above, in its own features: figures of two judges do "
    "not compare. The bundled one knows the bundled pair's world alone, and none of its figures "
    "compares with a published FID or CLIP score; the order of the methods does.",
    "* drawn on fewer prompts: a Frechet distance of few pictures is biased upwards, and this one "
    "does not compare with the rows on all prompts.",
    "HE-Diffusion computes on prompt and latent in clear: its encryption hides only the update "
    "between two passes of the network, and the cloud reads the prompt.",
    "Epsilons are on the pair's own token embeddings and compare with none published elsewhere.",
)


def as_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints one table, never narrower than its cells; a row of one cell heads a block."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, name in enumerate(head):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        if len(row) == 1:
            table.add_section()
        table.add_row(*row)
    Console(width=220).print(table, markup=False)


def show(
    lines: list[Line], work: Work, sets: dict[int, list[Set]], about: dict[str, Any],
    bandwidth: float, out: Path, form: str,
) -> None:  # fmt: skip
    """Writes results.json, table.md and report.html; prints what ``form`` asks for.

    Raises:
        OutputError: they cannot be written.
    """
    from obclip.errors import OutputError
    from obclip.evaluation.bench.findings import findings
    from obclip.evaluation.bench.report import write
    from obclip.evaluation.bench.table import extras, paper_layout

    told = findings(lines)
    result = {
        "about": about, "bandwidth_mbit": bandwidth, "rows": [_row(x, bandwidth) for x in lines],
        "findings": told, "notes": list(NOTES),
    }  # fmt: skip
    page = _markdown(lines, [*told, *extras(lines)], about)
    try:
        (out / "results.json").write_text(json.dumps(result, indent=1), "utf-8")
        (out / "table.md").write_text(page, "utf-8")
        write(out / "report.html", lines, work, sets, about, bandwidth, NOTES)
    except OSError as error:
        raise OutputError("the report cannot be written", got=f"{out}: {error.strerror}") from None
    if form == "json":
        click.echo(json.dumps(result))
        return
    if form == "markdown":
        click.echo(page)
        return
    for n in dict.fromkeys(x.n for x in lines):
        as_table(f"N = {n}", *paper_layout([x for x in lines if x.n == n]))
    for text in [*told, *extras(lines), *(NOTES[2:3] if any(x.few for x in lines) else ())]:
        click.echo(text)
    click.echo(f"All figures with their intervals, plots and pictures: {out / 'report.html'}")


def _row(x: Line, bandwidth: float) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "row": x.row.name, "n": x.n, "k": x.k, "private": x.row.private,
        "figures": None if x.figures is None else x.figures.as_dict(),
        "flops": {"cloud": x.flops.cloud, "device": x.flops.device, "ratio": x.flops.ratio},
        "transfer_seconds": None if x.figures is None else x.figures.transfer(bandwidth),
        "words_tell": None if x.told is None else asdict(x.told),
    }  # fmt: skip


def _markdown(lines: list[Line], told: list[str], about: dict[str, Any]) -> str:
    """The tables of the paper's layout, one for each N, as they go into docs/evaluation.md."""
    from obclip.evaluation.bench.table import markdown, paper_layout

    parts = ["; ".join(f"{k}: {v}" for k, v in about.items()) + ".\n"]
    for n in dict.fromkeys(x.n for x in lines):
        parts.append(f"**N = {n}**\n")
        parts.append(markdown(*paper_layout([x for x in lines if x.n == n])))
    return "\n".join([*parts, "\n".join(f"- {text}" for text in told)])


def costs(found: list[dict[str, Any]], names: list[str], form: str) -> None:
    """The cost columns of pairs beside the paper's."""
    from obclip.evaluation.bench.table import markdown

    if form == "json":
        click.echo(json.dumps(found))
        return
    columns = ["title", "n", "k", *names, "paper", "paper, SDXL"]
    rows = [["-" if line[c] in (None, "") else str(line[c]) for c in columns] for line in found]
    if form == "markdown":
        click.echo(markdown(["method", *columns[1:]], rows))
        return
    as_table("Cloud FLOPs over one cloud-only generation", ["method", *columns[1:]], rows)

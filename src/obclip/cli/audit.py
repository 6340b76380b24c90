"""``obclip audit``: measures the transform over a file of prompts. Opens no connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.privacy.audit import Audit, BadLine

__all__ = ["command"]

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_SHOWN = 40


@click.command("audit")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--plot",
    metavar="FILE.svg",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the figures as bars.",
)
@click.option(
    "--labels", type=_FILE, help="Mentions labelled by hand (JSONL): recall and precision."
)
@click.option("--protect", metavar="A,B", help='Attributes to protect; "all" for every one.')
def command(
    file: Path, as_json: bool, plot: Path | None, labels: Path | None, protect: str | None
) -> None:
    """Measure FILE (JSONL rows with "text", or one prompt a line): mentions, refusals, set sizes,
    residual guesses; with --labels, recall and precision.
    """
    from obclip.privacy import PrivacySettings, attributes
    from obclip.privacy.audit import measure, read_labels, read_prompts

    names = None
    if protect is not None:
        names = tuple(name.strip() for name in protect.split(",") if name.strip())
        if names == ("all",):
            names = tuple(attributes())
    settings = PrivacySettings(protect=names)
    lines = _lines(file)
    as_rows = file.suffix in (".jsonl", ".json") or _first(lines).startswith("{")
    prompts, bad = read_prompts(lines, as_rows)
    if not prompts:
        raise click.ClickException(f"{file} holds no prompt; expected one a line, or JSON rows.")
    known, bad_labels = read_labels(_lines(labels)) if labels else (None, [])
    if labels and not known:
        raise click.ClickException(
            f"{labels} holds no label ({len(bad_labels)} lines cannot be read); expected JSON "
            'rows with "id" and "mentions".'
        )
    if plot is not None and plot.suffix != ".svg":
        raise click.ClickException(f"{plot} is no picture that can be drawn; expected FILE.svg.")
    audit = measure(prompts, settings, known)
    for one, name in [(b, file) for b in bad] + [(b, labels) for b in bad_labels]:
        click.echo(f"{name}, line {one.line}: {one.message}; left out.", err=True)
    shown = _as_json(audit, bad + bad_labels, labelled=known is not None)
    if plot is not None:
        _plot(shown, plot, file.name)
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        _table(shown)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def _first(lines: list[str]) -> str:
    return next((line.strip() for line in lines if line.strip()), "")


def _as_json(audit: Audit, bad: list[BadLine], *, labelled: bool) -> dict[str, Any]:
    from obclip.privacy.audit import share

    sizes = audit.sizes
    shown: dict[str, Any] = {
        "prompts": audit.prompts,
        "expanded": len(sizes),
        "refused": dict(audit.refused.most_common()),
        "bad_lines": [{"line": one.line, "message": one.message} for one in bad],
        "mentions": {
            name: {"mentions": count, "prompts": audit.mentioning[name]}
            for name, count in audit.mentions.most_common()
        },
        "set_size": {
            "median": share(sizes, 0.5), "p90": share(sizes, 0.9), "max": max(sizes),
            "alone": sizes.count(1),
            "histogram": {str(n): sizes.count(n) for n in sorted(set(sizes))},
        } if sizes else {},
        "best_guess_at_least": {
            name: {
                "prompts": len(guesses),
                "median": share(guesses, 0.5), "p90": share(guesses, 0.9), "max": max(guesses),
            }
            for name, guesses in sorted(audit.guesses.items())
        },
    }  # fmt: skip
    if labelled:
        shown["refused_by_rule"] = audit.due
        shown["refused_beyond_rules"] = sum(audit.refused.values()) - audit.due
        shown["labels"] = {
            name: {
                "labelled": score.labelled, "found": score.found, "recall": score.recall,
                "reported": score.reported, "right": score.right, "precision": score.precision,
            }
            for name, score in sorted(audit.scores.items(), key=lambda item: -item[1].labelled)
        }  # fmt: skip
        shown["misses"] = [
            {"id": i, "attribute": name, "text": text} for i, name, text, _ in audit.misses
        ]
        shown["false_hits"] = [
            {"id": i, "attribute": name, "text": text} for i, name, text, _ in audit.false_hits
        ]
        shown["refusals"] = [
            {"id": i, "code": code, "text": text, "by_rule": due}
            for i, code, text, due in audit.refusals
        ]
    return shown


def _table(shown: dict[str, Any]) -> None:
    click.echo(f"{shown['prompts']} prompts, {shown['expanded']} expanded")
    if shown["refused"]:
        click.echo("\nRefused, by reason")
        for code, count in shown["refused"].items():
            click.echo(f"  {code:<22}{count:>6}")
    if shown["mentions"]:
        click.echo("\nMentions found" + " " * 12 + "words  prompts")
        for name, row in shown["mentions"].items():
            click.echo(f"  {name:<22}{row['mentions']:>6}{row['prompts']:>9}")
    if size := shown["set_size"]:
        click.echo(
            f"\nSet size N: median {size['median']}, 90 % up to {size['p90']},"
            f" largest {size['max']};"
            f" {size['alone']} prompts name nothing protected and would leave as they are"
        )
        click.echo("  " + "  ".join(f"N={n}: {count}" for n, count in size["histogram"].items()))
    if shown["best_guess_at_least"]:
        click.echo("\nWhat a server could still guess, at least   prompts  median    90 %     max")
        for name, row in shown["best_guess_at_least"].items():
            click.echo(
                f"  {name:<40}{row['prompts']:>9}{row['median']:>8.2f}"
                f"{row['p90']:>8.2f}{row['max']:>8.2f}"
            )
    if "labels" in shown:
        click.echo(
            "\nAgainst labels made by hand   labelled  found  recall   reported  right  precision"
        )
        for name, row in shown["labels"].items():
            click.echo(
                f"  {name:<28}{row['labelled']:>8}{row['found']:>7}{_percent(row['recall']):>8}"
                f"{row['reported']:>11}{row['right']:>7}{_percent(row['precision']):>11}"
            )
        click.echo(
            f"  refused because a rule demands it {shown['refused_by_rule']},"
            f" beyond that {shown['refused_beyond_rules']} of {shown['prompts']} prompts"
        )
        for title, key in (("Missed", "misses"), ("Reported, not labelled", "false_hits")):
            for row in shown[key][:_SHOWN]:
                click.echo(f"  {title}: {row['id']} {row['attribute']} {row['text']!r}")
            if len(shown[key]) > _SHOWN:
                click.echo(f"  ... {len(shown[key]) - _SHOWN} more (--json shows all)")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _plot(shown: dict[str, Any], target: Path, name: str) -> None:
    from obclip.cli._bars import Chart, draw
    from obclip.errors import OutputError

    charts = [
        Chart(
            "Mentions found, by attribute (words)",
            tuple(
                (n, row["mentions"], str(row["mentions"])) for n, row in shown["mentions"].items()
            ),
        ),
        Chart("Refusals, by reason", tuple((n, k, str(k)) for n, k in shown["refused"].items())),
        Chart(
            "Set size N (prompts)",
            tuple(
                (f"N = {n}", k, str(k)) for n, k in shown["set_size"].get("histogram", {}).items()
            ),
        ),
        Chart(
            "Best guess that remains, at least (median; 90 %)",
            tuple(
                (n, row["median"], f"{row['median']:.2f}; {row['p90']:.2f}")
                for n, row in shown["best_guess_at_least"].items()
            ),
        ),
    ]
    if "labels" in shown:
        charts.append(
            Chart(
                "Recall and precision against labels",
                tuple(
                    (
                        n,
                        row["recall"] or 0.0,
                        f"{_percent(row['recall'])}; {_percent(row['precision'])}",
                    )
                    for n, row in shown["labels"].items()
                ),
            )
        )
    try:
        target.write_text(draw(charts, f"obclip audit of {name}"), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            "the plot cannot be written",
            got=f"{target} ({error.strerror})",
            expected="a writable file",
            action="choose another --plot",
        ) from None  # fmt: skip

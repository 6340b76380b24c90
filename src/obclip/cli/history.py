"""``obclip history``: what each cloud has been told by this device."""

from __future__ import annotations

import json
from pathlib import Path
from time import gmtime, strftime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from obclip.privacy.history import Told

__all__ = ["command"]


@click.command("history")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a cloud.")
@click.option("--cloud", metavar="URL", help="Only this cloud.")
@click.option("--delete", is_flag=True, help="Delete the history of this device. No cloud forgets.")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The history file (default: $OBCLIP_HISTORY, or the user's data folder).",
)
def command(as_json: bool, cloud: str | None, delete: bool, db: Path | None) -> None:
    """Show what each cloud has been told over time: attributes, groups of values, templates.

    The file lies on this device only and never holds which value was yours.
    """
    from obclip.privacy.history import History

    history = History(db)
    if delete:
        if cloud is not None:
            raise click.UsageError("--delete removes the whole file; leave --cloud out.")
        held = history.delete()
        if as_json:
            click.echo(json.dumps({"deleted": held}))
        else:
            click.echo(
                f"Deleted {held} requests from this device's record; no cloud has forgotten them."
            )
        return
    told = history.told(cloud)
    if as_json:
        for row in told:
            click.echo(json.dumps(row.as_dict(), ensure_ascii=False))
        return
    if not told:
        click.echo("Nothing recorded: no cloud has been told anything by this device.")
    for row in told:
        click.echo(_page(row))


def _page(row: Told) -> str:
    day = "%Y-%m-%d %H:%M UTC"
    lines = [
        row.cloud,
        f"  requests            {row.requests} ({row.templates} different, the rest were repeats)",
        f"  first               {strftime(day, gmtime(row.first))}",
        f"  last                {strftime(day, gmtime(row.last))}",
        f"  set sizes           {row.smallest_n} to {row.largest_n}",
        "  it knows that you named",
    ]
    if not row.attributes:
        lines.append("    no protected attribute")
    for name, count in row.attributes:
        lines.append(f"    {name:<17} in {count} requests; one of")
        for attribute, values, times in row.groups:
            if attribute == name:
                shown = ", ".join(values[:8]) + (
                    f", ... ({len(values)})" if len(values) > 8 else ""
                )
                lines.append(f"      {shown} ({times})")
    lines.append(
        "  and every other word of these prompts, as sent. Which value was yours is not recorded."
    )
    return "\n".join(lines)

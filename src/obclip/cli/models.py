"""``obclip models``: known pairs, and whether two models make one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.group("models")
def command() -> None:
    """List, check and show model pairs."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_pairs(as_json: bool) -> None:
    """The known pairs."""
    from obclip.diffusion.pairs import PAIRS

    rows = [
        {
            "name": pair.name,
            "cloud": _where(pair.cloud.location),
            "device": _where(pair.device.location),
            "licence": " / ".join(dict.fromkeys((pair.cloud.licence, pair.device.licence))),
            "side": pair.side,
            "guidance": pair.guidance,
            "note": pair.note,
        }
        for pair in PAIRS.values()
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.secho(str(row["name"]), bold=True)
        click.echo(f"  cloud  {row['cloud']}\n  device {row['device']}")
        click.echo(f"  {row['side']} px, guidance {row['guidance']:g}, {row['licence']}"
                   + (f"; {row['note']}" if row["note"] else ""))  # fmt: skip


def _where(location: str) -> str:
    path = Path(location)
    return f"bundled ({path.parent.name}/{path.name})" if path.is_absolute() else location


@command.command("check")
@click.argument("pair")
@click.option("--json", "as_json", is_flag=True)
def check(pair: str, as_json: bool) -> None:
    """Whether the two models of PAIR (a name, or CLOUD,DEVICE) can work together."""
    from obclip.diffusion.compatibility import problems, read_facts
    from obclip.diffusion.pairs import find
    from obclip.errors import ModelError

    known = find(pair)
    found = problems(read_facts(known.cloud), read_facts(known.device))
    if as_json:
        click.echo(json.dumps({"pair": known.name, "ok": not found, "problems": list(found)}))
        if found:
            raise click.exceptions.Exit(1)
        return
    if found:
        raise ModelError(
            "not a pair", code="not_a_pair", got="; ".join(found),
            expected="one latent space and one noise schedule",
        )  # fmt: skip
    click.echo(f"{known.name}: a pair (one latent space, one noise schedule)")


@command.command("show")
@click.argument("pair")
@click.option("--json", "as_json", is_flag=True)
def show(pair: str, as_json: bool) -> None:
    """The facts of both models of PAIR."""
    from obclip.diffusion.compatibility import read_facts
    from obclip.diffusion.pairs import find

    known = find(pair)
    facts: dict[str, dict[str, Any]] = {
        "cloud": read_facts(known.cloud).as_dict(),
        "device": read_facts(known.device).as_dict(),
    }
    if as_json:
        click.echo(json.dumps({"pair": known.name, **facts}))
        return
    for role, values in facts.items():
        click.secho(role, bold=True)
        for key, value in values.items():
            click.echo(f"  {key:24} {value}")

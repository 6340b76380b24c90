"""``obclip models``: known pairs, and whether two models make one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from obclip.diffusion.pairs import Pair, Source


@click.group("models")
def command() -> None:
    """List, check, show and get model pairs."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_pairs(as_json: bool) -> None:
    """The known pairs."""
    from obclip.diffusion.pairs import PAIRS

    rows = [_row(pair) for pair in PAIRS.values()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.secho(str(row["name"]), bold=True)
        for role in ("cloud", "device"):
            memory = row["memory_gib"]
            needs = "" if memory is None else f", {memory[role]:.1f} GiB of fp16 weights"
            click.echo(f"  {role:6} {row[role]}{_revision(row['revisions'][role])}{needs}")
        click.echo(f"  {row['side']} px, guidance {row['guidance']:g}, {row['licence']}"
                   + (f"; {row['note']}" if row["note"] else ""))  # fmt: skip


def _row(pair: Pair) -> dict[str, Any]:
    memory = pair.memory()
    needs = None if memory is None else {"cloud": memory[0], "device": memory[1]}
    return {
        "name": pair.name,
        "cloud": _where(pair.cloud),
        "device": _where(pair.device),
        "revisions": {"cloud": _pinned(pair.cloud), "device": _pinned(pair.device)},
        "licence": " / ".join(dict.fromkeys((pair.cloud.licence, pair.device.licence))),
        "memory_gib": needs,
        "side": pair.side,
        "guidance": pair.guidance,
        "note": pair.note,
    }


def _where(source: Source) -> str:
    path = Path(source.location)
    if path.is_absolute():
        return f"bundled ({path.parent.name}/{path.name})"
    return source.location + (f", the rest of {source.base}" if source.base else "")


def _pinned(source: Source) -> str | None:
    """A commit, ``main`` for a branch that may move, None for a folder."""
    return None if Path(source.location).is_absolute() else source.revision or "main"


def _revision(revision: str | None) -> str:
    if revision is None:
        return ""
    return " (branch main, not pinned)" if revision == "main" else f" at {revision[:12]}"


@command.command("check")
@click.argument("pair")
@click.option("--json", "as_json", is_flag=True)
def check(pair: str, as_json: bool) -> None:
    """Whether the two models of PAIR (a name, or CLOUD,DEVICE) can work together."""
    from obclip.diffusion.compatibility import check_device, problems, read_facts, unsaid
    from obclip.diffusion.pairs import find
    from obclip.errors import ModelError

    known = find(pair)
    cloud, device = read_facts(known.cloud), read_facts(known.device)
    check_device(device)
    found = problems(cloud, device) + unsaid(known, cloud.takes_weight)
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


@command.command("get")
@click.argument("pair")
@click.option("--only", type=click.Choice(["cloud", "device"]), help="One of the two models.")
@click.option("--json", "as_json", is_flag=True)
def get(pair: str, only: str | None, as_json: bool) -> None:
    """Fetch the models of PAIR from the hub (a few GiB; never pickled weights)."""
    from obclip.diffusion.folder import layout
    from obclip.diffusion.pairs import find

    known = find(pair)
    places: dict[str, str] = {}
    for role in (only,) if only else ("cloud", "device"):
        source = known.cloud if role == "cloud" else known.device
        if not as_json and source.folder is None:
            click.echo(f"{role}: {_where(source)}{_revision(_pinned(source))}", err=True)
        found = layout(source)
        places[role] = str(found.file or found.unet.parent)
    if as_json:
        click.echo(json.dumps({"pair": known.name, **places}))
        return
    for role, place in places.items():
        click.echo(f"{role:6} {place}")

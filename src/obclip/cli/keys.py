"""``obclip keys``: who may ask this server, kept as hashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from obclip.server.accounts import Accounts

DATABASE = click.option(
    "--database", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="The file that `obclip serve --database` is given; `add` makes it.",
)  # fmt: skip


@click.group("keys")
def command() -> None:
    """API keys of a server, and what each has used today."""


@command.command("add")
@click.argument("name")
@DATABASE
@click.option("--quota", type=click.IntRange(1), metavar="UNITS",
              help="Units a day (N x pictures x k x height x width); none: no limit.")  # fmt: skip
def add(name: str, database: Path, quota: int | None) -> None:
    """Make a key for NAME and print it, this once."""
    with _accounts(database, make=True) as accounts:
        click.echo(accounts.add(name, quota))


@command.command("list")
@DATABASE
def listed(database: Path) -> None:
    """List the keys: id, name, state, units used today, quota."""
    with _accounts(database) as accounts:
        for key in accounts.list():
            state = "revoked" if key.revoked else "valid"
            quota = "no quota" if key.quota is None else f"of {key.quota}"
            click.echo(f"{key.id}  {key.name}  {state}  {key.jobs} jobs  {key.used} units {quota}")


@command.command("revoke")
@click.argument("which", metavar="ID|NAME")
@DATABASE
def revoke(which: str, database: Path) -> None:
    """End a key; a running server refuses it from its next request on."""
    with _accounts(database) as accounts:
        if not accounts.revoke(which):
            raise click.ClickException(f"no valid key {which}; obclip keys list shows them")


@contextmanager
def _accounts(database: Path, *, make: bool = False) -> Iterator[Accounts]:
    from obclip.server.accounts import Accounts

    accounts = Accounts(database, make=make)
    try:
        yield accounts
    finally:
        accounts.close()

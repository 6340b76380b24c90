"""``obclip cache``: answers that were downloaded and never drawn from, because of a crash."""

from __future__ import annotations

import json

import click


@click.command("cache")
@click.option("--delete", is_flag=True, help="Delete them; the next run asks its cloud again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(delete: bool, as_json: bool) -> None:
    """Show or delete answers that wait on this device for a picture that was never written.

    They lie under hashes and hold the latents of whole sets, never a prompt or which one was yours.
    """
    from obclip.client.cache import ResultCache

    cache = ResultCache()
    answers, size = cache.size()
    if delete:
        cache.clear()
    if as_json:
        told = {"folder": str(cache.folder), "answers": answers, "bytes": size, "deleted": delete}
        click.echo(json.dumps(told))
        return
    verb = "Deleted" if delete else "Waiting"
    click.echo(f"{verb}: {answers} answers, {size} bytes, in {cache.folder}")

"""``obclip serve``: the cloud."""

from __future__ import annotations

import click


@click.command("serve")
@click.option("--pair", default="mini", show_default=True, metavar="NAME")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8421, show_default=True, type=click.IntRange(0, 65535))
@click.option("--dtype", default="float32", show_default=True,
              type=click.Choice(["float32", "bfloat16", "float16"]))  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="Torch device.")
@click.option("--threads", default=0, help="CPU threads; 0 leaves torch's choice.")
@click.option("--queue", default=16, show_default=True, type=click.IntRange(1))
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
def command(
    pair: str, host: str, port: int, dtype: str, device: str, threads: int, queue: int,
    until_stdin_closes: bool,
) -> None:  # fmt: skip
    """Run the cloud half of a pair; prints ``ready http://HOST:PORT`` when it serves."""
    try:
        from obclip.server.run import serve
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the server's packages are missing (no {error.name}); pip install 'obclip[server]'"
        ) from None
    from obclip.server.settings import Settings

    serve(
        Settings(pair=pair, host=host, port=port, dtype=dtype, device=device, threads=threads,
                 queue=queue),
        until_stdin_closes=until_stdin_closes,
    )  # fmt: skip

"""``obclip serve``: the cloud."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

import click


class Number(click.FloatRange):
    """A number: ``nan`` passes every range, and ``inf`` is no number of seconds or bytes."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        found: float = super().convert(value, param, ctx)
        if not isfinite(found):
            self.fail(f"{value} is not a number", param, ctx)
        return found


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("serve")
@click.option("--pair", default="mini", show_default=True, metavar="NAME")
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Any other than this machine's loopback wants keys.")  # fmt: skip
@click.option("--port", default=8421, show_default=True, type=click.IntRange(0, 65535))
@click.option("--dtype", default="float32", show_default=True,
              type=click.Choice(["float32", "bfloat16", "float16"]))  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="Torch device.")
@click.option("--compile", is_flag=True, help="Compile the model's layers; on CUDA only.")
@click.option(
    "--threads", default=0, type=click.IntRange(0), help="CPU threads; 0 leaves torch's choice."
)
@click.option("--engine", default="embedded", show_default=True,
              type=click.Choice(["embedded", "ray"]), help="Where it computes.")  # fmt: skip
@click.option("--replicas", default=(1, 1), show_default=True, type=(click.IntRange(1),) * 2,
              metavar="FEWEST MOST", help="Engines of a fleet (--engine ray).")  # fmt: skip
@click.option("--batch", default=32, show_default=True, type=click.IntRange(1),
              help="Rows of one model call at most, of all users together.")  # fmt: skip
@click.option("--largest", default=4.0, show_default=True, type=Number(1),
              metavar="TIMES",
              help="Most pixels of a picture, as a multiple of the model's own.")  # fmt: skip
@click.option("--memory", default=0.0, show_default=True, type=Number(0), metavar="GIB",
              help="For calls, runs and answers; 0: most of what is free.")  # fmt: skip
@click.option("--queue", default=64, show_default=True, type=click.IntRange(1),
              help="Open jobs at most; more are told to come back.")  # fmt: skip
@click.option("--tenant-queue", default=0, show_default=True, type=click.IntRange(0),
              help="The same for one key; 0: no limit of its own.")  # fmt: skip
@click.option("--keep", "keep_seconds", default=300.0, show_default=True, metavar="SECONDS",
              type=Number(1), help="How long an answer waits.")  # fmt: skip
@click.option("--deadline", "deadline_seconds", default=600.0, show_default=True,
              metavar="SECONDS", type=Number(1),
              help="A job that takes longer is stopped.")  # fmt: skip
@click.option("--drain", "drain_seconds", default=30.0, show_default=True, metavar="SECONDS",
              type=Number(0), help="After SIGTERM, for what was accepted.")  # fmt: skip
@click.option("--database", type=_FILE, metavar="FILE",
              help="Keys and usage (obclip keys); with it every request needs a key.")  # fmt: skip
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key, PEM.")
@click.option("--moderation", default="", metavar="HOOK",
              help="package.module:function, or an entry point of obclip.moderation; "
              "one verdict for a whole set.")  # fmt: skip
@click.option("--log", default="info", show_default=True,
              type=click.Choice(["info", "warning", "off"]),
              help="JSON lines on standard error; never content.")  # fmt: skip
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
def command(until_stdin_closes: bool, memory: float, **options: Any) -> None:
    """Run the cloud half of a pair; prints ``ready http://HOST:PORT`` when it serves."""
    try:
        from obclip.server.run import serve
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the server's packages are missing (no {error.name}); pip install 'obclip[server]'"
        ) from None
    from obclip.server.settings import Settings

    settings = Settings(memory=round(memory * (1 << 30)), **options)
    serve(settings, until_stdin_closes=until_stdin_closes)

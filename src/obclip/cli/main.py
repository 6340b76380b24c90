"""``obclip``: finds the command, loads its file alone, and turns errors into one clear line."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import click

from obclip import __version__
from obclip.errors import ObclipError, PromptRefused

#: name -> (module under ``obclip.cli``, one line of help). Help needs no import of the commands.
COMMANDS: dict[str, tuple[str, str]] = {
    "generate": ("generate", "Draw a picture of PROMPT; the cloud cannot tell which one is yours."),
    "expand": ("expand", "Show what the cloud would see of a prompt."),
    "audit": ("audit", "Measure the transform over a file of prompts."),
    "history": ("history", "Show what each cloud has been told so far."),
    "cache": ("cache", "Show or delete answers that a crash left on this device."),
    "serve": ("serve", "Run the cloud."),
    "keys": ("keys", "Add, list and revoke the keys of a server."),
    "plan": ("plan", "Show a plan as a picture, with its cost."),
    "models": ("models", "List, check and show model pairs."),
    "attack": ("attack", "Play every privacy game; fails when a promise is broken."),
    "bench": ("bench", "Compare every method: quality, cost, time, bytes."),
    "demo": ("demo", "One private generation, and the proof that the cloud could not tell."),
}


#: Objects made before the collector looks for cycles. Importing torch makes millions, none of them
#: garbage: with Python's own 700 the looking costs 0.6 s of each start.
_COLLECT_AFTER = 100_000


class Lazy(click.Group):
    """A group whose commands are imported on use, so that ``expand`` loads no torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"obclip.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="obclip")
def cli() -> None:
    """Private image generation: hide your prompt in a closed set of candidates."""


def main(arguments: list[str] | None = None) -> Any:
    """Entry point. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 prompt refused, 130 stopped."""
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    try:
        # what a command exits with comes back as a number here
        code = cli.main(args=arguments, prog_name="obclip", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except PromptRefused as error:
        click.echo(f"Refused ({error.code}): {error}", err=True)
        sys.exit(3)
    except ObclipError as error:
        click.echo(f"Error ({error.code}): {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:  # its text could quote a prompt
        if os.environ.get("OBCLIP_DEBUG"):
            raise
        click.echo(f"Error (fault): a fault of ObCLIP itself ({type(error).__name__}); "
                   "OBCLIP_DEBUG=1 shows where, for a report", err=True)  # fmt: skip
        sys.exit(1)
    gc.freeze()  # the end of the process frees everything: no last look for cycles (0.6 s)
    sys.exit(code if isinstance(code, int) else 0)

"""``python -m obclip.cli.reference > docs/cli.md``: the reference, made from the commands."""

from __future__ import annotations

import click

from obclip.cli.main import COMMANDS, cli


def _help(path: list[str], command: click.Command) -> str:
    # as the group hands it down to every command
    names = cli.context_settings["help_option_names"]
    context = click.Context(
        command, info_name=" ".join(path), max_content_width=96, terminal_width=96,
        help_option_names=names,
    )  # fmt: skip
    return f"## {' '.join(path)}\n```\n{command.get_help(context)}\n```\n"


def reference() -> str:
    """The whole command line as Markdown."""
    parts = ["# Command line\nMade by `python -m obclip.cli.reference`; a test keeps it true.\n"]
    parts.append(_help(["obclip"], cli))
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            continue
        parts.append(_help(["obclip", name], command))
        if isinstance(command, click.Group):
            for child, found in command.commands.items():
                parts.append(_help(["obclip", name, child], found))
    return "\n".join(parts)


if __name__ == "__main__":
    click.echo(reference(), nl=False)

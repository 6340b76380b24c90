"""``obclip expand``: what the cloud would see of a prompt. No connection, no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from obclip.errors import ProfileError, PromptRefused

if TYPE_CHECKING:
    from obclip.privacy import Expansion, PrivacySettings

__all__ = ["command"]

_COLOURS = {
    "gender": "magenta",
    "age": "cyan",
    "ethnicity": "yellow",
    "skin_tone": "yellow",
    "nationality": "green",
    "religion": "blue",
    "disability": "red",
    "orientation": "red",
    "body": "white",
}
_SHOWN = 24


@click.command("expand")
@click.argument("prompt", required=False)
@click.option("--protect", metavar="A,B", help="Attributes to protect instead of the profile's.")
@click.option("--negative", metavar="TEXT", help="The negative prompt; it has slots of its own.")
@click.option(
    "--profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A profile file to read the settings from.",
)
@click.option("--strict", type=float, metavar="P", help="Refuse above this guess (0 to 1).")
@click.option(
    "--custom", "lists", metavar="FILE", multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A closed list of your own (TOML); may be given again.",
)  # fmt: skip
@click.option(
    "--allow", metavar="WORD", multiple=True,
    help="Leave this word and its whole row in clear; may be given again.",
)  # fmt: skip
@click.option("--always-on", metavar="A,B", help="Attributes every person carries, named or not.")
@click.option("--third-gender", is_flag=True, help="Give gender a third value.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--jsonl",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help='Rows {"text", "negative"?, "protect"?}; one JSON object a line is printed.',
)
@click.pass_context
def command(
    ctx: click.Context,
    prompt: str | None,
    protect: str | None,
    negative: str | None,
    profile: Path | None,
    strict: float | None,
    lists: tuple[Path, ...],
    allow: tuple[str, ...],
    always_on: str | None,
    third_gender: bool,
    as_json: bool,
    jsonl: Path | None,
) -> None:
    """Show what the cloud would see of PROMPT: the set, what stays in clear, what it tells."""
    if (prompt is None) == (jsonl is None):
        raise click.UsageError("Give a PROMPT or --jsonl FILE.")
    given: dict[str, Any] = {}
    if protect is not None:
        given["protect"] = _names(protect)
    if always_on is not None:
        given["always_on"] = _names(always_on)
    if strict is not None:
        given["strict"] = strict
    if third_gender:
        given["third_gender"] = True
    settings = _settings(profile, given, allow, lists)
    if jsonl is not None or prompt is None:
        _many(jsonl or Path("-"), settings)
        return
    from obclip.privacy import expand

    try:
        expansion = expand(prompt, settings, negative)
        shown = _as_json(expansion, settings)
    except PromptRefused as error:
        if as_json:
            click.echo(_line(_refused(prompt, error)))
        else:
            _explain(error)
        ctx.exit(3)
    if as_json:
        click.echo(_line(shown))
    else:
        _view(expansion, shown)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _settings(
    profile: Path | None, given: dict[str, Any], allow: tuple[str, ...], lists: tuple[Path, ...]
) -> PrivacySettings:
    """The profile's settings, those named on the command line instead or in addition."""
    from dataclasses import replace

    from obclip.privacy import PrivacySettings, load_custom

    settings = PrivacySettings()
    if profile is not None:
        from obclip.client.profile import load_profile

        settings = load_profile(profile).privacy
    if allow:
        given["allow"] = (*settings.allow, *allow)
    if lists:
        given["custom"] = (*settings.custom, *map(load_custom, lists))
    return replace(settings, **given) if given else settings


def _many(path: Path, settings: PrivacySettings) -> None:
    """One answer a line; a bad line is answered as such and the others go on."""
    with click.open_file(str(path), encoding="utf-8", errors="surrogateescape") as rows:
        for number, row in enumerate(rows, 1):
            if row.strip():
                click.echo(_line(_row(number, row, settings)))


def _row(number: int, row: str, settings: PrivacySettings) -> dict[str, Any]:
    from dataclasses import replace

    from obclip.privacy import expand

    try:
        row.encode("utf-8")
        given = json.loads(row)
        text = given["text"]
        negative, protect = given.get("negative"), given.get("protect")
        if not isinstance(text, str) or not (negative is None or isinstance(negative, str)):
            raise TypeError("text and negative are strings")
        if isinstance(protect, str):
            protect = [name.strip() for name in protect.split(",") if name.strip()]
        if protect is not None and not all(isinstance(name, str) for name in protect):
            raise TypeError("protect is a list of names")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"line {number} is not a row with a text: {type(error).__name__}"
        return {
            "prompt": None,
            "line": number,
            "error": {"code": "bad_line", "message": message, "text": ""},
        }
    try:
        chosen = settings if protect is None else replace(settings, protect=tuple(protect))
        return _as_json(expand(text, chosen, negative), chosen)
    except PromptRefused as error:
        return _refused(text, error)
    except ProfileError as error:
        message = f"line {number}: {error}"
        return {
            "prompt": text,
            "line": number,
            "error": {"code": error.code, "message": message, "text": ""},
        }


def _line(shown: dict[str, Any]) -> str:
    text = json.dumps(shown, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(shown)
    return text


def _refused(prompt: str, error: PromptRefused) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "error": {"code": error.code, "message": error.message, "text": error.text},
    }


def _as_json(expansion: Expansion, settings: PrivacySettings) -> dict[str, Any]:
    """The set and what it tells.

    Raises:
        PromptRefused: a server could guess more than the settings allow.
    """
    from obclip.privacy.leakage import report, strict

    leakage = report(expansion)
    if settings.strict is not None:
        strict(leakage, settings.strict)
    found = expansion.candidates
    shown: dict[str, Any] = {
        "prompt": expansion.normalised,
        "n": found.n,
        "candidates": list(found.prompts),
        "choice": expansion.choice.reveal(),
        "table_version": found.table_version,
        "attributes": [
            {"name": a.name, "mention": a.mention, "values": list(a.values)}
            for a in found.attributes
        ],
        "clear": [dict(word) for word in leakage.clear],
        "best_guess": dict(leakage.best_guess),
    }
    if found.negatives:
        shown["negatives"] = list(found.negatives)
    return shown


def _explain(error: PromptRefused) -> None:
    click.echo(click.style("Refused", fg="red", bold=True) + f" ({error.code}): {error.message}.")
    if error.text:
        click.echo(f"The word: {click.style(error.text, bold=True)}")
    click.echo("Nothing was sent. The verdict is the same for every prompt this one could be.")
    click.echo("What you can do:")
    for hint in error.hint:
        click.echo(f"  - {hint}")


def _coloured(expansion: Expansion) -> str:
    text, at = "", 0
    for mention in sorted((m for m in expansion.mentions if not m.negative), key=lambda m: m.start):
        text += expansion.normalised[at : mention.start]
        colour = _COLOURS.get(mention.attributes[0], "green")
        text += click.style(mention.text, fg=colour, bold=True)
        at = mention.end
    return text + expansion.normalised[at:]


def _view(expansion: Expansion, shown: dict[str, Any]) -> None:
    found = expansion.candidates
    own = expansion.choice.reveal()
    click.echo(_coloured(expansion))
    if not found.attributes:
        click.echo("No protected attribute is mentioned: this prompt would leave as it is.")
    else:
        click.echo(f"\nThe cloud sees {found.n} prompts and draws them all:")
        window = range(found.n) if found.n <= _SHOWN else [*range(_SHOWN - 1), own]
        for i in sorted(set(window)):
            mark = click.style(">", fg="green", bold=True) if i == own else " "
            negative = f"  (not: {found.negatives[i]})" if found.negatives else ""
            click.echo(f" {mark} {i:>3}  {found.prompts[i]}{negative}")
        if found.n > _SHOWN:
            click.echo(f"        ... {found.n - len(set(window))} more (--json shows all)")
        for attribute in found.attributes:
            name = click.style(attribute.name, fg=_COLOURS.get(attribute.name, "green"))
            click.echo(f"   {name} at place {attribute.mention}: {', '.join(attribute.values)}")
    telling = [row for row in shown["clear"] if row["hints"]]
    if telling:
        click.echo("\nLeft in clear, and telling:")
    for row in telling:
        hints = "; ".join(f"{name}: {', '.join(told)}" for name, told in row["hints"].items())
        click.echo(f"   {row['text']} ({hints})")
    for name, guess in shown["best_guess"].items():
        click.echo(f"   a server would guess your {name} with probability of at least {guess:.2f}")

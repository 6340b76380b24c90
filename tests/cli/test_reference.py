from __future__ import annotations

from pathlib import Path

from obclip.cli.reference import reference

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_reference_is_what_the_commands_say() -> None:
    assert DOCUMENT.read_text("utf-8") == reference(), (
        "run: python -m obclip.cli.reference > docs/cli.md"
    )

"""``docs/cli.md`` is the command line as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_reference_is_what_the_commands_say() -> None:
    # a fresh process: commands remember the help options that they were first run with
    module = [sys.executable, "-m", "obclip.cli.reference"]
    said = subprocess.run(module, capture_output=True, text=True, check=True).stdout
    assert DOCUMENT.read_text("utf-8") == said, "run: python -m obclip.cli.reference > docs/cli.md"

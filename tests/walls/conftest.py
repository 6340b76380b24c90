from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import obclip

#: The package under test: a copy of it when the walls are broken on purpose.
PACKAGE = Path(obclip.__file__).resolve().parent
ROOT = PACKAGE.parent.parent

Loaded = Callable[[str], set[str]]


@pytest.fixture
def loaded() -> Loaded:
    """The modules that a fresh interpreter has loaded after running some code."""

    def after(code: str) -> set[str]:
        script = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return set(json.loads(done.stdout.splitlines()[-1]))

    return after

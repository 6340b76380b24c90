from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from obclip.cli.main import main
from obclip.client.patience import Patience


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that a failure says."""
        (line,) = self.err.strip().splitlines()
        assert "Traceback" not in line
        return line


Obclip = Callable[..., Ran]


@pytest.fixture
def obclip(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Obclip:
    """Runs the command line in this process, as the installed program does."""
    monkeypatch.setattr("obclip.client.transport.DEFAULT", Patience(backoff=(0.01,), busy=1.0))

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return Ran(int(stop.value.code or 0), out, err)

    return run

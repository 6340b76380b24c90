"""The work file: one JSON line a picture, so that a broken run goes on where it stopped.

The first line says what the run is of; another run's file is refused rather than mixed. A last line
that was cut off, and a picture that is gone or cannot be read, are drawn again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from obclip.errors import OutputError, RequestError


@dataclass(frozen=True, slots=True)
class Done:
    """One picture that was drawn. ``k`` is 0 where it does not matter; ``file`` is beside."""

    row: str
    n: int
    k: int
    index: int
    file: str
    cloud: float
    device: float
    up: int
    down: int
    extra: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, int, int]:
        return self.row, self.n, self.k, self.index


class Work:
    """A folder with ``work.jsonl`` and ``pictures/``."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        """Opens or begins a run.

        Raises:
            RequestError: the folder holds another run.
            OutputError: the folder cannot be written.
        """
        self.folder, self.file = folder, folder / "work.jsonl"
        self.done: dict[tuple[str, int, int, int], Done] = {}
        try:
            (folder / "pictures").mkdir(parents=True, exist_ok=True)
            text = self.file.read_bytes() if self.file.exists() else b""
        except OSError as error:
            raise _cannot(folder, error) from None
        whole = list(_whole(text.splitlines()))
        if whole and whole[0] != {"about": about}:
            raise RequestError(
                "this folder holds another run", code="other_run",
                got=_difference(whole[0].get("about"), about), expected="the same settings",
                action=f"take another --out, or delete {self.file.name} there",
            )  # fmt: skip
        for i, line in enumerate(whole[1:]):
            found = _done(line, i + 2)
            if _readable(folder / found.file, about.get("side")):
                self.done[found.key] = found
        self._write([{"about": about}, *(asdict(d) for d in self.done.values())])

    def add(self, found: Done, picture: Image.Image) -> None:
        """Keeps one picture: the file first, then its line."""
        try:
            picture.save(self.folder / found.file)
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(asdict(found)) + "\n")
        except OSError as error:
            raise _cannot(self.folder, error) from None
        self.done[found.key] = found

    def _write(self, rows: list[dict[str, Any]]) -> None:
        try:
            part = self.file.with_suffix(".part")
            part.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            part.replace(self.file)
        except OSError as error:
            raise _cannot(self.folder, error) from None


def _whole(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for i, line in enumerate(lines):
        try:
            value = json.loads(line)
        except ValueError:
            if i == len(lines) - 1:
                return
            raise _damaged(i + 1) from None
        if not isinstance(value, dict):
            raise _damaged(i + 1)
        yield value


def _done(line: dict[str, Any], number: int) -> Done:
    """A line with every field of ``Done``, each of its type.

    Raises:
        RequestError: another line.
    """
    kinds = {"row": str, "n": int, "k": int, "index": int, "file": str, "up": int, "down": int,
             "cloud": float, "device": float, "extra": dict}  # fmt: skip
    if line.keys() != kinds.keys() or any(type(line[k]) is not kind for k, kind in kinds.items()):
        raise _damaged(number)
    return Done(**line)


def _damaged(number: int) -> RequestError:
    return RequestError(
        "the work file is damaged", code="bad_work", got=f"line {number}",
        expected="one JSON object a line, as this command writes them",
        action="delete it and begin anew",
    )  # fmt: skip


def _readable(file: Path, side: object) -> bool:
    """Whether a whole picture of that side is there; a power cut can leave half of one."""
    try:
        with Image.open(file) as picture:
            picture.load()
    except (OSError, SyntaxError):  # the latter is how a damaged PNG is told
        return False
    return side is None or picture.size == (side, side)


def _difference(before: Any, now: dict[str, Any]) -> str:
    if not isinstance(before, dict):
        return "no run's file"
    keys = [k for k in {**before, **now} if before.get(k) != now.get(k)]
    return "; ".join(f"{k}: {before.get(k)} there, {now.get(k)} here" for k in keys)


def _cannot(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        "the run cannot be kept", got=f"{folder}: {error.strerror}", expected="a writable folder"
    )

"""Writes files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import Image

from obclip.errors import OutputError

#: Bytes of a name: of the 255 that systems allow some are for the temporary file beside it.
_LONGEST = 230


def check_target(file: Path, *, suffixes: tuple[str, ...] = (".png",)) -> None:
    """Refuses a place that cannot be written to before any work is done.

    Raises:
        OutputError: no such folder, a folder itself, or a kind of file we do not write.
    """
    if file.suffix.lower() not in suffixes:
        raise _bad("cannot write that kind of file", file, " or ".join(suffixes))
    if len(os.fsencode(file.name)) > _LONGEST:
        raise _bad("the file's name is too long", file, f"at most {_LONGEST} bytes")
    try:
        folder = file.is_dir()
    except (OSError, ValueError):
        raise _bad("not a file's name here", file, "a path of this system") from None
    if folder:
        raise _bad("the output is a folder", file, "a file name")
    if not file.absolute().parent.is_dir():
        raise _bad("no folder to write to", file, f"an existing folder {file.absolute().parent}")
    if not os.access(file.absolute().parent, os.W_OK):
        raise _bad("the folder cannot be written to", file, "a writable folder")


def _bad(message: str, file: Path, expected: str) -> OutputError:
    return OutputError(message, got=file, expected=expected, action="choose another file")


def write_bytes(file: Path, data: bytes) -> None:
    """Writes through a temporary file beside ``file``; on any failure nothing is left.

    Raises:
        OutputError: the disk is full or the folder is gone.
    """
    part: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)
        part = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.chmod(0o644)
        part.replace(file)
    except BaseException as error:
        if part is not None:
            part.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise OutputError(
            "the file could not be written", got=f"{file} ({error.strerror})",
            expected="a place with room", action="free some room or choose another file",
        ) from None  # fmt: skip


def write_png(file: Path, picture: Image.Image) -> None:
    """A picture as PNG, whole or not at all. No metadata: a prompt never travels in a picture."""
    import io

    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_bytes(file, buffer.getvalue())

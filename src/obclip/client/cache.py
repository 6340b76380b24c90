"""Answers that were downloaded and not yet drawn from, so that a crash need not ask again.

Protects: an answer lies under the hash of its request, never under a prompt, with all its
candidates, so neither its name nor its content says which one was meant; readable by this user
alone; whole or absent; gone once its picture is written, when it is old, or when there are many.
Does not protect: latents on this disk show the set to whoever reads the disk before that.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

from platformdirs import user_cache_path

MAX_BYTES = 256 << 20
MAX_SECONDS = 24 * 3600.0
_SUFFIX, _SEED, _PART = ".latents", ".seed", ".part-"
_DIGEST = 32


def default_folder() -> Path:
    """Where answers wait; ``OBCLIP_CACHE`` overrides."""
    named = os.environ.get("OBCLIP_CACHE")
    return Path(named) if named else user_cache_path("obclip") / "answers"


class ResultCache:
    """Bytes under hashes. A disk that is full or forbidden means no cache, never an error."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self.folder = folder or default_folder()
        self._max_bytes, self._max_seconds = max_bytes, max_seconds

    def get(self, request_id: str) -> bytes | None:
        """The answer of a request, if it is here, whole and not old."""
        file = self._file(request_id, _SUFFIX)
        try:
            if time.time() - file.stat().st_mtime > self._max_seconds:
                return None
            data = file.read_bytes()
        except OSError:
            return None
        digest, answer = data[:_DIGEST], data[_DIGEST:]
        return answer if hashlib.sha256(answer).digest() == digest else None

    def put(self, request_id: str, answer: bytes) -> bool:
        """Keeps an answer; False where it could not."""
        data = hashlib.sha256(answer).digest() + answer
        if len(data) > self._max_bytes:
            return False
        self._trim(self._max_bytes - len(data))
        return self._write(self._file(request_id, _SUFFIX), data)

    def drop(self, request_id: str) -> None:
        """Forgets one answer."""
        with contextlib.suppress(OSError):
            self._file(request_id, _SUFFIX).unlink(missing_ok=True)

    def seed_file(self, set_id: str) -> Path:
        """Where the seed of an unfinished run of a set is noted."""
        return self._file(set_id, _SEED)

    def prepare(self) -> bool:
        """Makes the folder, for this user alone; False where that cannot be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
        except OSError:
            return False
        return True

    def size(self) -> tuple[int, int]:
        """(answers, bytes) that wait here."""
        kept = self._answers()
        return len(kept), sum(size for _, size, _ in kept)

    def clear(self) -> int:
        """Deletes everything; how many answers there were."""
        count = len(self._answers())
        with contextlib.suppress(OSError):
            for file in self.folder.iterdir():
                if file.suffix in (_SUFFIX, _SEED) or file.name.startswith(_PART):
                    file.unlink(missing_ok=True)
        return count

    def _file(self, name: str, suffix: str) -> Path:
        if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise ValueError("not a SHA-256 in hexadecimal")
        return self.folder / f"{name}{suffix}"

    def _answers(self) -> list[tuple[float, int, Path]]:
        found = []
        with contextlib.suppress(OSError):
            for file in self.folder.glob(f"*{_SUFFIX}"):
                with contextlib.suppress(OSError):
                    told = file.stat()
                    found.append((told.st_mtime, told.st_size, file))
        return sorted(found)

    def _trim(self, room: int) -> None:
        """Old answers go, then the oldest until the rest fits; parts of writers that died go."""
        now = time.time()
        kept = self._answers()
        total = sum(size for _, size, _ in kept)
        for made, size, file in kept:
            if total > room or now - made > self._max_seconds:
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)
                total -= size
        with contextlib.suppress(OSError):
            for file in [*self.folder.glob(f"{_PART}*"), *self.folder.glob(f"*{_SEED}")]:
                with contextlib.suppress(OSError):
                    if now - file.stat().st_mtime > self._max_seconds:
                        file.unlink(missing_ok=True)

    def _write(self, file: Path, data: bytes) -> bool:
        if not self.prepare():
            return False
        part = ""
        try:
            handle, part = tempfile.mkstemp(prefix=_PART, dir=self.folder)  # mode 0600
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).replace(file)
        except OSError:
            if part:
                Path(part).unlink(missing_ok=True)
            return False
        return True

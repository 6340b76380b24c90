"""The local meter: what each cloud has been told by this device so far.

Protects: the user's overview. Every request adds to what a cloud knows; the meter adds it up, on
the device, so that the user sees it before the next request does.
Does not protect: the past. Deleting the file makes no cloud forget, and the file itself shows
whoever reads it which prompts (without their protected values) were sent; it never holds a choice,
because `Disclosure`, the only thing that is stored, has no field for one.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from obclip.errors import ObclipError

if TYPE_CHECKING:
    from obclip.privacy.candidates import Expansion, SetAttribute

__all__ = ["Disclosure", "History", "Told", "default_path", "disclosure"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, cloud TEXT NOT NULL,
    template_hash TEXT NOT NULL, template TEXT NOT NULL, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS named (
    request INTEGER NOT NULL REFERENCES request(id) ON DELETE CASCADE,
    attribute TEXT NOT NULL, mention INTEGER NOT NULL, revealed TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What one request tells a cloud: a function of the candidate set, not of the choice.

    ``template`` is the clear text with placeholders; ``template_hash`` is the SHA-256 of the
    candidates, in hexadecimal, and tells a retry from a new question.
    """

    template: str
    template_hash: str
    n: int
    groups: tuple[SetAttribute, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Everything one cloud has been told. Times are in seconds since 1970, UTC."""

    cloud: str
    requests: int
    templates: int
    first: float
    last: float
    attributes: tuple[tuple[str, int], ...]
    groups: tuple[tuple[str, tuple[str, ...], int], ...]
    smallest_n: int
    largest_n: int

    def as_dict(self) -> dict[str, object]:
        """The JSON form of ``obclip history --json``."""
        return {
            "cloud": self.cloud,
            "requests": self.requests,
            "templates": self.templates,
            "first": self.first,
            "last": self.last,
            "attributes": dict(self.attributes),
            "groups": [
                {"attribute": name, "values": list(values), "requests": count}
                for name, values, count in self.groups
            ],
            "smallest_n": self.smallest_n,
            "largest_n": self.largest_n,
        }


def disclosure(expansion: Expansion) -> Disclosure:
    """What sending ``expansion`` would tell; equal for every member of the set."""
    found = expansion.candidates
    digest = hashlib.sha256()
    for text in (*found.prompts, "", *found.negatives):
        digest.update(text.encode("utf-8") + b"\x00")
    template = masked(found.prompts)
    if found.negatives:
        template += f" (not: {masked(found.negatives)})"
    return Disclosure(template, digest.hexdigest(), found.n, found.attributes)


def masked(prompts: tuple[str, ...]) -> str:
    """The words all prompts share, in order, with one placeholder where they differ."""
    rows = [prompt.split(" ") for prompt in prompts]
    common = set(rows[0]).intersection(*rows[1:])
    words: list[str] = []
    for word in rows[0]:
        if word in common:
            words.append(word)
        elif not words or words[-1] != "[...]":
            words.append("[...]")
    return " ".join(words)


def default_path() -> Path:
    """``$OBCLIP_HISTORY``, or ``obclip/history.sqlite3`` in the user's data folder."""
    chosen = os.environ.get("OBCLIP_HISTORY")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "obclip" / "history.sqlite3"


class History:
    """The meter's file. Opened anew for each call, so nothing stays open during a generation."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=5.0)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                database.execute("PRAGMA secure_delete = ON")
                database.executescript(_SCHEMA)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise ObclipError(
                "the history file cannot be used",
                code="history_unusable",
                got=f"{self.path} ({error})",
                expected="a writable SQLite file made by obclip",
                action="choose another file with --db, or remove this one",
            ) from None

    def record(self, cloud: str, told: Disclosure, *, when: float | None = None) -> None:
        """Adds one request that left the device for ``cloud`` (a URL). Raises ObclipError."""
        with self._open() as database, database:
            row = database.execute(
                "INSERT INTO request (time, cloud, template_hash, template, n)"
                " VALUES (?, ?, ?, ?, ?)",
                (when if when is not None else time.time(), cloud, told.template_hash,
                 told.template, told.n),
            )  # fmt: skip
            database.executemany(
                "INSERT INTO named (request, attribute, mention, revealed) VALUES (?, ?, ?, ?)",
                [
                    (row.lastrowid, group.name, group.mention, json.dumps(group.values))
                    for group in told.groups
                ],
            )

    def told(self, cloud: str | None = None) -> tuple[Told, ...]:
        """One summary a cloud, in the order of their names; only ``cloud`` when it is given."""
        if not self.path.exists():
            return ()
        with self._open() as database:
            rows = database.execute(
                "SELECT cloud, COUNT(*), COUNT(DISTINCT template_hash), MIN(time), MAX(time),"
                " MIN(n), MAX(n) FROM request WHERE ?1 IS NULL OR cloud = ?1"
                " GROUP BY cloud ORDER BY cloud",
                (cloud,),
            ).fetchall()
            return tuple(self._summary(database, *row) for row in rows)

    @staticmethod
    def _summary(
        database: sqlite3.Connection,
        cloud: str,
        requests: int,
        templates: int,
        first: float,
        last: float,
        smallest: int,
        largest: int,
    ) -> Told:
        attributes = database.execute(
            "SELECT attribute, COUNT(DISTINCT request) AS k FROM named JOIN request"
            " ON request.id = named.request WHERE cloud = ?"
            " GROUP BY attribute ORDER BY k DESC, attribute",
            (cloud,),
        ).fetchall()
        groups = database.execute(
            "SELECT attribute, revealed, COUNT(DISTINCT request) AS k FROM named JOIN request"
            " ON request.id = named.request WHERE cloud = ?"
            " GROUP BY attribute, revealed ORDER BY attribute, k DESC, revealed",
            (cloud,),
        ).fetchall()
        return Told(
            cloud,
            requests,
            templates,
            first,
            last,
            tuple((name, count) for name, count in attributes),
            tuple((name, tuple(json.loads(values)), count) for name, values, count in groups),
            smallest,
            largest,
        )

    def delete(self) -> int:
        """Removes the file (and SQLite's companions); gives how many requests it held."""
        if not self.path.exists():
            return 0
        with self._open() as database:
            held = int(database.execute("SELECT COUNT(*) FROM request").fetchone()[0])
        for suffix in ("", "-journal", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        return held

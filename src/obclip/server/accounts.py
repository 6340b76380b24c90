"""API keys, hashed, and what each has used, in SQLite. No content: who, when, how many units.

Protects: a copy of the file lets nobody in (a key is 256 random bits, only its SHA-256 is kept);
a disk that is full or broken gives one clear refusal, and every change is whole or not made.
Does not protect: who asked how much on which day from whoever reads the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from obclip.errors import RequestError, ServerError

PREFIX = "obk"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash BLOB NOT NULL, created INTEGER NOT NULL,
  revoked INTEGER, quota INTEGER);
CREATE TABLE IF NOT EXISTS usage (
  key TEXT NOT NULL, day TEXT NOT NULL, jobs INTEGER NOT NULL, units INTEGER NOT NULL,
  PRIMARY KEY (key, day));
CREATE TABLE IF NOT EXISTS pending (
  ticket INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, day TEXT NOT NULL,
  units INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as its operator sees it; ``quota`` and ``used`` in units a day (UTC)."""

    id: str
    name: str
    created: int
    revoked: int | None
    quota: int | None
    jobs: int
    used: int


class Accounts:
    """One database file. Thread-safe. ``serving`` takes it for one server alone."""

    def __init__(self, file: Path, *, serving: bool = False, make: bool = True) -> None:
        """Opens it, or makes it (if it may), readable by its owner alone.

        Raises:
            ServerError: code ``storage`` if it cannot be opened, ``in_use`` if another server has.
        """
        self._lock = threading.Lock()
        self._settled: list[tuple[int, bool]] = []  # what a full disk kept from being written
        self._held = _sole(file) if serving else None
        with _storage():
            try:
                os.close(os.open(file, (os.O_CREAT if make else 0) | os.O_RDWR, 0o600))
            except OSError as error:
                raise _not_opened(error) from None
            self._db = sqlite3.connect(
                file, timeout=5.0, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            if serving:  # runs that a server which died did not finish cost nothing
                tickets = self._db.execute("SELECT ticket FROM pending").fetchall()
                self._settled = [(ticket, True) for (ticket,) in tickets]
                with self._change():
                    pass

    def add(self, name: str, quota: int | None = None) -> str:
        """A new key; what is returned is shown once and kept nowhere.

        Raises:
            ServerError: ``bad_name``, ``name_taken``, ``storage``.
        """
        if not (name == name.strip() and name.isprintable() and 0 < len(name) <= 80):
            raise ServerError(
                "not a name for a key", code="bad_name", got=f"{len(name)} characters",
                expected="1 to 80 printable characters, without space at either end",
            )  # fmt: skip
        ident, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        with _storage(), self._lock, self._change():
            taken = self._db.execute("SELECT 1 FROM keys WHERE name=?", (name,)).fetchone()
            if taken:
                raise ServerError(
                    "that name has a key", code="name_taken", got=name, expected="another name",
                    action="obclip keys list shows them",
                )  # fmt: skip
            row = (ident, name, _hash(secret), int(time.time()), quota)
            self._db.execute(
                "INSERT INTO keys (id, name, hash, created, quota) VALUES (?,?,?,?,?)", row
            )
        return f"{PREFIX}_{ident}_{secret}"

    def revoke(self, which: str) -> bool:
        """Ends a key, by id or name; False if there is none that lives."""
        with _storage(), self._lock, self._change():
            done = self._db.execute(
                "UPDATE keys SET revoked=? WHERE (id=? OR name=?) AND revoked IS NULL",
                (int(time.time()), which, which),
            )
            return done.rowcount > 0

    def list(self) -> list[Key]:
        """All keys, oldest first, with today's usage."""
        with _storage(), self._lock:
            rows = self._db.execute(
                "SELECT id, name, created, revoked, quota, coalesce(jobs, 0), coalesce(units, 0) "
                "FROM keys LEFT JOIN usage ON key=id AND day=? ORDER BY created, name", (_day(),),
            ).fetchall()  # fmt: skip
        return [Key(*row) for row in rows]

    def who(self, key: str) -> str | None:
        """The id of a living key; None for any other text."""
        parts = key.split("_", 2)
        ident, secret = (parts[1], parts[2]) if len(parts) == 3 else ("", "")
        with _storage(), self._lock:
            row = self._db.execute(
                "SELECT hash FROM keys WHERE id=? AND revoked IS NULL", (ident,)
            ).fetchone()
        right = hmac.compare_digest(_hash(secret), row[0] if row else b"")
        return ident if right and parts[0] == PREFIX else None

    def charge(self, ident: str, units: int) -> int:
        """Books a job; the ticket is for ``settle``.

        Raises:
            ServerError: code ``quota`` when what is left of the day's units does not suffice.
            RequestError: code ``beyond_quota`` when no day's would.
        """
        day = _day()
        with _storage(), self._lock, self._change():
            quota, used = self._db.execute(
                "SELECT quota, coalesce(units, 0) FROM keys LEFT JOIN usage ON key=id AND day=? "
                "WHERE id=?", (day, ident),
            ).fetchone()  # fmt: skip
            if quota is not None and units > quota:
                raise RequestError(
                    "more than a whole day's quota", code="beyond_quota", got=f"{units} units",
                    expected=f"at most {quota} a day (N x pictures x k x height x width)",
                )  # fmt: skip
            if quota is not None and used + units > quota:
                raise ServerError(
                    "the day's quota is used up", code="quota", got=f"{used} + {units} units",
                    expected=f"at most {quota} a day (N x pictures x k x height x width)",
                )  # fmt: skip
            self._db.execute(
                "INSERT INTO usage VALUES (?,?,1,?) ON CONFLICT (key, day) DO UPDATE SET "
                "jobs=jobs+1, units=units+excluded.units", (ident, day, units),
            )  # fmt: skip
            ticket = self._db.execute(
                "INSERT INTO pending (key, day, units) VALUES (?,?,?)", (ident, day, units)
            ).lastrowid
        return int(ticket or 0)

    def settle(self, ticket: int, *, refund: bool) -> None:
        """Closes a booking; a full disk delays it to the next change, or the next start."""
        with self._lock:
            self._settled.append((ticket, refund))
            try:
                with self._change():
                    pass
            except sqlite3.Error:
                return

    def close(self) -> None:
        with self._lock:
            self._db.close()
            if self._held is not None:
                os.close(self._held)
                self._held = None

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all of it or nothing; what could not be settled earlier goes along."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for ticket, refund in self._settled:
                if refund:
                    self._db.execute(
                        "UPDATE usage SET jobs=usage.jobs-1, units=usage.units-pending.units "
                        "FROM pending WHERE ticket=? AND usage.key=pending.key "
                        "AND usage.day=pending.day",
                        (ticket,),
                    )
                self._db.execute("DELETE FROM pending WHERE ticket=?", (ticket,))
            yield
            self._db.execute("COMMIT")
            self._settled.clear()
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ServerError(
            "the server cannot write its records", code="storage",
            got=getattr(error, "sqlite_errorname", None) or type(error).__name__,
            expected="a database that can be written",
            action="the operator must see to the file and its disk",
        ) from None  # fmt: skip


def _sole(file: Path) -> int:
    """Takes the database for this server; given back when the process ends, however it ends."""
    try:
        handle = os.open(file.with_name(file.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise _not_opened(error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ServerError(
            "another server uses this database", code="in_use", expected="one server a database"
        ) from None
    return handle


def _not_opened(error: OSError) -> ServerError:
    return ServerError(
        "the database cannot be opened", code="storage", got=error.strerror,
        expected="a file in a folder that can be written",
        action="obclip keys add NAME --database FILE makes one",
    )  # fmt: skip


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _day() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())

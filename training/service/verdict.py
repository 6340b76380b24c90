"""What every trial must keep: a right answer or a clear error, equal bytes, nothing torn."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from obclip.protocol.codec import decode_latents, decode_request
from training.service.cloud import CloudProcess
from training.service.oracle import Oracle
from training.service.proxy import Proxy, Seen, requests


@dataclass
class Outcome:
    """What came of a trial; ``wrong`` lists every promise that it broke."""

    number: int
    kind: str
    detail: str
    ended: str = ""
    recovered: str = ""
    posts: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Bench:
    """What all trials share."""

    cloud: CloudProcess
    proxy: Proxy
    oracle: Oracle
    folder: Path
    database: Path | None
    key: str | None
    split: int


def check_answer(
    outcome: Outcome, job: dict[str, Any], seen: Seen, bench: Bench, *, again: bool = False
) -> None:
    """A right answer and an end that says so, or no file and a clear error."""
    ended, file = outcome.recovered if again else outcome.ended, Path(job["out"])
    if ended in ("hangs", "crash"):
        outcome.wrong.append(f"the device {ended}")
    if again and ended != "ok":
        outcome.wrong.append(f"the next try ended with {ended}")
    if ended == "ok" and not file.exists():
        outcome.wrong.append("no answer was written")
    if ended.startswith("error") and file.exists():
        outcome.wrong.append("an answer beside an error")
    if not file.exists():
        return
    bodies = {body for _, body in _posts(seen)}
    if not bodies:
        outcome.wrong.append("an answer to no request")
    for body in bodies:
        request = decode_request(body)
        expected = bench.oracle.answer(request)
        shape = (expected.shape[0], expected.shape[1], *expected.shape[2:])
        got = decode_latents(file.read_bytes(), shape)  # type: ignore[arg-type]
        if not bench.oracle.right(body, got):
            outcome.wrong.append("a wrong answer")


def _posts(seen: Seen) -> list[tuple[bytes, bytes]]:
    whole, _ = requests(seen)
    parts = [request.partition(b"\r\n\r\n") for request in whole if request.startswith(b"POST")]
    return [(head, body) for head, _, body in parts]


def check_bytes(outcome: Outcome, seen: Seen) -> list[bytes]:
    """Every retry is the same bytes, and what was torn is the beginning of them."""
    whole, torn = requests(seen)
    by_line: dict[bytes, set[bytes]] = {}
    for request in whole:
        by_line.setdefault(request.split(b"\r\n")[0], set()).add(request)
    if any(len(same) > 1 for same in by_line.values()):
        outcome.wrong.append("a retry of other bytes")
    posts = [request for request in whole if request.startswith(b"POST")]
    if len(set(posts)) > 1:
        outcome.wrong.append("two different requests")
    if any(not any(request.startswith(part) for request in whole) for part in torn if whole):
        outcome.wrong.append("a torn request that is not the beginning of a whole one")
    return posts


def check_files(outcome: Outcome, folder: Path, bench: Bench) -> None:
    """Nothing half-written: the answer, the cache, the cloud's database."""
    left = [f.name for f in (folder / "cache").glob("*.latents")]
    if (outcome.recovered or outcome.ended) == "ok" and left:
        outcome.wrong.append("an answer was left in the cache")
    if bench.database is not None:
        with contextlib.closing(sqlite3.connect(bench.database, timeout=10)) as database:
            if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                outcome.wrong.append("the database is damaged")

"""Keys and usage: hashed, whole or not written, and nothing of what was asked."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from obclip.errors import ServerError
from obclip.server.accounts import Accounts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


def used(accounts: Accounts) -> tuple[int, int]:
    (key,) = accounts.list()
    return key.jobs, key.used


def test_a_key_opens_and_its_secret_is_nowhere_in_the_files(file: Path) -> None:
    accounts = Accounts(file)
    key = accounts.add("ann")
    ident = accounts.who(key)
    assert ident == key.split("_")[1]
    secret = key.split("_", 2)[2].encode()
    for part in file.parent.iterdir():
        assert secret not in part.read_bytes()
        assert stat.S_IMODE(part.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("wrong", ["", "x", "obk__", "obk_00000000_abc", "_".join("abcdef")])
def test_any_other_text_is_nobody(file: Path, wrong: str) -> None:
    accounts = Accounts(file)
    key = accounts.add("ann")
    assert accounts.who(wrong) is None
    assert accounts.who(key + "x") is None
    assert accounts.who("xxx" + key[3:]) is None


def test_a_revoked_key_is_nobody_at_once(file: Path) -> None:
    serving, operator = Accounts(file, serving=True), Accounts(file)
    key = operator.add("ann")
    assert serving.who(key)
    assert operator.revoke("ann")
    assert serving.who(key) is None
    assert not operator.revoke("ann")
    with pytest.raises(ServerError, match="that name has a key"):
        operator.add("ann")


def test_usage_is_charged_up_to_the_quota_and_refunded(file: Path) -> None:
    accounts = Accounts(file)
    ident = accounts.who(accounts.add("ann", quota=100)) or ""
    first, second = accounts.charge(ident, 60), accounts.charge(ident, 40)
    with pytest.raises(ServerError) as error:
        accounts.charge(ident, 1)
    assert error.value.code == "quota"
    accounts.settle(first, refund=True)
    accounts.settle(second, refund=False)
    accounts.settle(second, refund=True)  # once is enough
    assert used(accounts) == (1, 40)


def test_what_a_dead_server_did_not_finish_costs_nothing(file: Path) -> None:
    first = Accounts(file, serving=True)
    ident = first.who(first.add("ann")) or ""
    first.settle(first.charge(ident, 5), refund=False)
    first.charge(ident, 70)
    with pytest.raises(ServerError, match="another server"):
        Accounts(file, serving=True)
    first.close()
    assert used(Accounts(file, serving=True)) == (1, 5)


def test_a_full_disk_is_one_clear_refusal_and_nothing_half_written(file: Path) -> None:
    accounts = Accounts(file)
    ident = accounts.who(accounts.add("ann")) or ""
    ticket = accounts.charge(ident, 10)
    pages = accounts._db.execute("PRAGMA page_count").fetchone()[0]
    accounts._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(ServerError) as error:
        for i in range(100_000):
            accounts.add(f"somebody {i} " + "x" * 60)
    assert (error.value.code, error.value.got) == ("storage", "SQLITE_FULL")
    whole = used_by(accounts, ident)
    accounts.settle(ticket, refund=True)  # may have to wait, and never raises
    accounts._db.execute(f"PRAGMA max_page_count={pages * 1000}")
    accounts.charge(ident, 1)
    assert whole == (1, 10)
    assert used_by(accounts, ident) == (1, 1)
    assert accounts._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def used_by(accounts: Accounts, ident: str) -> tuple[int, int]:
    return next((k.jobs, k.used) for k in accounts.list() if k.id == ident)


def test_a_broken_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, " * 100)
    for file in (tmp_path / "x.db", tmp_path / "no" / "folder.db", tmp_path):
        with pytest.raises(ServerError) as error:
            Accounts(file)
        assert error.value.code == "storage"


def test_many_threads_book_what_they_book(file: Path) -> None:
    accounts = Accounts(file)
    ident = accounts.who(accounts.add("ann")) or ""

    def work() -> None:
        for _ in range(20):
            accounts.settle(accounts.charge(ident, 3), refund=False)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert used(accounts) == (80, 240)
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT count(*) FROM pending").fetchone() == (0,)

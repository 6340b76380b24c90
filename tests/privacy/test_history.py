"""The meter records what a cloud was told, and never the choice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from obclip.cli.history import command
from obclip.errors import ObclipError
from obclip.privacy import PrivacySettings, expand
from obclip.privacy.history import Disclosure, History, disclosure

CLOUD = "https://cloud.example"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "data" / "history.sqlite3")


def test_every_member_discloses_the_same() -> None:
    members = expand("a young woman and her dog").candidates.prompts
    assert len({disclosure(expand(member)) for member in members}) == 1


def test_the_file_never_holds_a_protected_word(history: History) -> None:
    expansion = expand("a young schoolgirl with an umbrella")
    history.record(CLOUD, disclosure(expansion))
    with sqlite3.connect(history.path) as database:
        (template,) = database.execute("SELECT template FROM request").fetchone()
    assert "umbrella" in template
    assert "schoolgirl" not in template
    assert "choice" not in set(Disclosure.__dataclass_fields__)


def test_it_adds_up_attributes_groups_and_templates(history: History) -> None:
    woman = disclosure(expand("a woman walking"))
    history.record(CLOUD, woman, when=100.0)
    history.record(CLOUD, woman, when=200.0)
    history.record(CLOUD, disclosure(expand("an old man")), when=300.0)
    history.record("https://other.example", woman, when=50.0)
    told = {row.cloud: row for row in history.told()}
    row = told[CLOUD]
    assert (row.requests, row.templates, row.first, row.last) == (3, 2, 100.0, 300.0)
    assert dict(row.attributes) == {"gender": 3, "age": 1}
    assert ("gender", ("woman", "man"), 3) in row.groups
    assert history.told(CLOUD) == (row,)
    assert told["https://other.example"].requests == 1


def test_a_coarser_group_is_shown_as_what_it_reveals(history: History) -> None:
    settings = PrivacySettings(groups={"age": "halves"})
    history.record(CLOUD, disclosure(expand("an elderly person", settings)))
    (row,) = history.told()
    assert ("age", ("middle-aged", "elderly"), 1) in row.groups


def test_the_file_is_the_users_alone(history: History) -> None:
    history.record(CLOUD, disclosure(expand("a man")))
    assert history.path.stat().st_mode & 0o077 == 0


def test_deleting_removes_everything(history: History) -> None:
    history.record(CLOUD, disclosure(expand("a man")))
    assert history.delete() == 1
    assert not history.path.exists()
    assert history.told() == ()
    assert history.delete() == 0


def test_a_file_that_is_not_a_history_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as one" * 20)
    with pytest.raises(ObclipError, match=r"notes\.txt"):
        History(path).record(CLOUD, disclosure(expand("a man")))
    assert path.read_text().startswith("not a database")


def test_the_command_shows_and_deletes(history: History) -> None:
    history.record(CLOUD, disclosure(expand("a young woman")))
    run = CliRunner().invoke
    page = run(command, ["--db", str(history.path)])
    assert CLOUD in page.output
    assert "woman, man" in page.output
    row = json.loads(run(command, ["--db", str(history.path), "--json"]).output)
    assert row["attributes"] == {"age": 1, "gender": 1}
    assert "choice" not in row
    gone = run(command, ["--db", str(history.path), "--delete"])
    assert "no cloud has forgotten" in gone.output
    assert "Nothing recorded" in run(command, ["--db", str(history.path)]).output

"""A picture is written whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image

from obclip.client.output import check_target, write_bytes, write_png
from obclip.errors import OutputError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small disk")
    except FileNotFoundError:
        pytest.skip("no mount here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        write_bytes(small_disk / "picture.png", b"x" * 1_000_000)
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_at_any_point_leaves_nothing_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"old")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync", full) if call == "fsync" else (Path, "replace", full)))
    with pytest.raises(OutputError, match="No space left"):
        write_bytes(file, b"new")
    assert [(f.name, f.read_bytes()) for f in tmp_path.iterdir()] == [("picture.png", b"old")]


def test_stopping_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "picture.png", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_holds_no_metadata(tmp_path: Path) -> None:
    write_png(tmp_path / "p.png", Image.new("RGB", (8, 8), "red"))
    with Image.open(tmp_path / "p.png") as picture:
        assert (picture.size, picture.info) == ((8, 8), {})
    assert [f.name for f in tmp_path.iterdir()] == ["p.png"]


def test_a_folder_that_is_not_there_or_not_a_place_for_files(tmp_path: Path) -> None:
    check_target(tmp_path / "p.png")
    (tmp_path / "folder.png").mkdir()
    for file in (
        tmp_path / "no" / "p.png", tmp_path / "folder.png", tmp_path / "p.gif", tmp_path / "p",
    ):  # fmt: skip
        with pytest.raises(OutputError):
            check_target(file)
    with pytest.raises(OutputError):
        write_bytes(tmp_path / "no" / "p.png", b"x")


def test_a_folder_without_the_right_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="cannot be written to"):
        check_target(tmp_path / "p.png")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that refuses even root")
def test_a_folder_that_refuses_the_file_after_all() -> None:
    with pytest.raises(OutputError, match="could not be written"):
        write_bytes(Path("/proc/picture.png"), b"x")

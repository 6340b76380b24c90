"""The standing choices: two kinds that never mix, read from one file."""

from __future__ import annotations

import stat
from dataclasses import fields
from pathlib import Path

import pytest

from obclip.client.profile import Profile, Public, load_profile, local_key
from obclip.errors import ObclipError, ProfileError
from obclip.privacy import PrivacySettings

WHOLE = """
server = "https://cloud.example"
[privacy]
protect = ["gender", "age"]
cap = 12
[public]
pair = "mini"
steps = 20
split = 5
guidance = 3
scheduler = "ddim"
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "profile.toml"
    file.write_text(text)
    return file


def test_a_profile_is_read(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, WHOLE))
    assert profile.privacy == PrivacySettings(protect=("gender", "age"), cap=12)
    assert profile.public == Public(steps=20, split=5, guidance=3, scheduler="ddim")
    assert profile.server == "https://cloud.example"


def test_without_a_file_the_defaults_hold() -> None:
    assert load_profile() == Profile()


def test_the_file_named_by_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCLIP_PROFILE", str(written(tmp_path, WHOLE)))
    assert load_profile().public.split == 5


def test_custom_lists_lie_beside_the_profile(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text('name = "city"\nvalues = ["Lisbon", "Oslo"]')
    profile = load_profile(written(tmp_path, '[privacy]\ncustom = ["city.toml"]'))
    assert [c.name for c in profile.privacy.custom] == ["city"]


@pytest.mark.parametrize(
    "text",
    [
        "protect = ",
        "steps = 5",
        "privacy = 3",
        "server = 3",
        "[privacy]\nplan = 'exact'",
        "[privacy]\nprotect = 'gender'",
        "[privacy]\nprotect = ['nope']",
        "[privacy]\nprotect = [3]",
        "[privacy]\ncap = 0",
        "[privacy]\ncap = 'many'",
        "[privacy]\ncustom = ['nope.toml']",
        "[public]\nprotect = []",
        "[public]\nsteps = 'five'",
        "[public]\nsteps = true",
        "[public]\nseed = 3",
        "\udcff",
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ObclipError) as error:
        load_profile(file)
    assert str(error.value).isprintable()


def test_a_named_file_that_is_missing_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(ProfileError):
            load_profile(path)


def test_privacy_and_public_settings_share_no_name() -> None:
    assert not {f.name for f in fields(PrivacySettings)} & {f.name for f in fields(Public)}


def test_the_local_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key = local_key(tmp_path / "new")
    file = tmp_path / "new" / "key"
    assert len(key) == 32
    assert local_key(tmp_path / "new") == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"short")
    with pytest.raises(ProfileError, match="damaged"):
        local_key(tmp_path / "new")


def test_a_key_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfileError, match="cannot be kept"):
        local_key(tmp_path / "file")

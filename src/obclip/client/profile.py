"""The user's standing choices, read from a TOML file, made before any prompt.

A profile holds two kinds of settings that never mix: ``PrivacySettings`` decide the set,
``Public`` parameters decide how it is drawn. No performance setting can change the set.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from platformdirs import user_config_path, user_data_path

from obclip.diffusion.pairs import find
from obclip.errors import ProfileError, RequestError
from obclip.privacy import PrivacySettings
from obclip.privacy.custom import load_custom
from obclip.protocol import limits

_PRIVACY_KEYS = ("protect", "always_on", "third_gender", "groups", "allow", "cap", "strict")


@dataclass(frozen=True, slots=True)
class Public:
    """Parameters that the cloud sees, the same for every prompt of a profile.

    ``guidance`` and ``side`` of None mean the pair's own. ``split`` is k of ``steps`` T. Where the
    cloud has steps of its own, ``split`` is not used, and ``scheduler`` and ``steps`` are the
    device's.
    """

    pair: str = "mini"
    plan: str = "exact"
    scheduler: str = "dpm++"
    steps: int = 25
    split: int = 10
    guidance: float | None = None
    side: int | None = None

    def check(self, images: int = 1) -> None:
        """Raises RequestError for numbers that no cloud would take, before any work is done."""
        shifted = find(self.pair).cloud_steps is not None
        for name, value, low, high in (
            ("steps", self.steps, 1, limits.MAX_STEPS),
            ("split", None if shifted else self.split, 0, self.steps),
            ("images", images, 1, limits.MAX_IMAGES),
            ("size", self.side, limits.MIN_SIDE, limits.MAX_SIDE),
            ("guidance", self.guidance, 0, limits.MAX_GUIDANCE),
        ):
            if value is not None and not low <= value <= high:
                raise RequestError(
                    f"{name} out of range", code=f"bad_{name}", got=value,
                    expected=f"{low} to {high}",
                )  # fmt: skip
        if self.scheduler not in limits.SCHEDULERS:
            raise RequestError(
                "unknown scheduler", code="bad_scheduler", got=self.scheduler,
                expected=" or ".join(limits.SCHEDULERS),
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that stands before the first prompt."""

    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    public: Public = field(default_factory=Public)
    server: str | None = None


def default_file() -> Path:
    """Where a profile is looked for unless one is named; ``OBCLIP_PROFILE`` overrides."""
    named = os.environ.get("OBCLIP_PROFILE")
    return Path(named) if named else user_config_path("obclip") / "profile.toml"


def load_profile(file: Path | None = None) -> Profile:
    """Reads a profile: the named file, or the default one if it exists, or the defaults.

    Raises:
        ProfileError: missing (if named), not TOML, an unknown key, or a value of the wrong kind.
    """
    named = file is not None
    path = file or default_file()
    if not path.exists():
        if named:
            raise ProfileError("no profile there", got=path, expected="a TOML file")
        return Profile()
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError("the profile cannot be read", got=f"{path}: {error}") from None
    return parse(data, path.parent)


def parse(data: dict[str, Any], folder: Path) -> Profile:
    """A profile from TOML values; files of custom attributes are relative to ``folder``."""
    _known("profile", data, ("privacy", "public", "server"))
    privacy = dict(_table(data, "privacy"))
    _known("privacy", privacy, (*_PRIVACY_KEYS, "custom"))
    custom: list[Any] = []
    for name in _strings("custom", privacy.pop("custom", [])):
        custom.append(load_custom(folder / name))
    for key in ("protect", "always_on", "allow"):
        if key in privacy:
            privacy[key] = tuple(_strings(key, privacy[key]))
    public = dict(_table(data, "public"))
    _known("public", public, tuple(f.name for f in fields(Public)))
    for key, kind in _PUBLIC_KINDS.items():
        if key in public and (not isinstance(public[key], kind) or isinstance(public[key], bool)):
            raise ProfileError(f"public.{key} has the wrong type", got=type(public[key]).__name__)
    server = data.get("server")
    if server is not None and not isinstance(server, str):
        raise ProfileError("server has the wrong type", got=type(server).__name__, expected="text")
    try:
        settings = PrivacySettings(custom=tuple(custom), **privacy)
    except TypeError as error:
        raise ProfileError("a privacy setting has the wrong type", got=str(error)) from None
    return Profile(settings, Public(**public), server)


_PUBLIC_KINDS: dict[str, Any] = {
    "pair": str, "plan": str, "scheduler": str, "steps": int, "split": int,
    "guidance": int | float, "side": int,
}  # fmt: skip


def _known(where: str, table: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            raise ProfileError(f"unknown key in {where}", got=key, expected=", ".join(allowed))


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise ProfileError(f"{key} is not a table", got=type(value).__name__, expected=f"[{key}]")
    return value


def _strings(key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ProfileError(f"{key} is not a list of texts", got=value, expected='["...", ...]')
    return value


def _make_key(file: Path) -> None:
    """Writes a key beside its place and links it there: never half a key, never a second one."""
    part = file.with_name(f".key-{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(32))
        with suppress(FileExistsError):  # another process was faster: its key is the key
            os.link(part, file)
    finally:
        part.unlink()


def local_key(folder: Path | None = None) -> bytes:
    """32 secret bytes of this device, made on first use; readable by this user alone.

    Raises:
        ProfileError: the folder cannot be written to, or the key file is damaged.
    """
    file = (folder or user_data_path("obclip")) / "key"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _make_key(file)
        key = file.read_bytes()
    except OSError as error:
        raise ProfileError(
            "the local key cannot be kept", got=f"{file} ({error.strerror})",
            expected="a writable folder", action="leave --seed out to use a fresh one",
        ) from None  # fmt: skip
    if len(key) != 32:
        raise ProfileError("the local key is damaged", got=f"{len(key)} bytes", expected="32 bytes")
    return key

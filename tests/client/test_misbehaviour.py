"""Whatever a server does, it sees the same of every choice, and nothing at all after it.

Structure, not stopwatches: what is compared is every byte that a real socket received.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from obclip.client import generate as story
from obclip.client.device import Device
from obclip.client.generate import generate
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.errors import ObclipError
from obclip.privacy import PrivacySettings, expand
from obclip.privacy.selection import Sealed
from tests.client.fakes import Fake, between
from tests.client.misbehaviour import MISBEHAVIOURS

MEMBERS = ("a photo of a woman cooking", "a photo of a man cooking")
SHAPE = (1, 2, 4, 8, 8)
WIRE = ["models", "generations", "progress", "latents"]


class Watch:
    """Notes each selection, and forbids every socket after it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.selected = 0
        self._patch = patch
        self._select = story.select
        patch.setattr(story, "select", self._watched)
        # the device's own work opens no socket either way; it is left out to save seconds
        patch.setattr(Device, "finish", lambda *a, **k: ["a picture"])
        patch.setattr(story, "_load", lambda source: Ready())

    def _watched(self, sealed: Sealed[Any], choice: Any) -> Any:
        def nothing_may_follow(*_: object, **__: object) -> NoReturn:
            raise AssertionError("a socket after the choice")

        self.selected += 1
        self._patch.setattr(socket, "socket", nothing_may_follow)
        self._patch.setattr(socket, "create_connection", nothing_may_follow)
        return self._select(sealed, choice)


class Ready:
    """A device model that is there already."""

    def result(self) -> Any:
        return object.__new__(Device)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    yield Watch(monkeypatch)


def attempt(fake: Fake, public: Public, member: str, watch: Watch) -> str:
    """One generation; how it ended."""
    real, create = socket.socket, socket.create_connection
    try:
        generate(expand(member, PrivacySettings()), public, lambda: fake.address, seed=3)
    except ObclipError as error:
        return str(error).replace(fake.address, "")
    finally:
        watch._patch.setattr(socket, "socket", real)
        watch._patch.setattr(socket, "create_connection", create)
    return "drawn"


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_the_traffic_is_the_same_for_every_choice(
    cloud: str, public: Public, watch: Watch, name: str
) -> None:
    make, drawn = MISBEHAVIOURS[name]
    seen = set()
    for victim in range(len(MEMBERS)):
        for index, member in enumerate(MEMBERS):
            assert expand(member, PrivacySettings()).choice.reveal() == index
            before = watch.selected
            with between(cloud, make(SHAPE, victim)) as fake:
                ended = attempt(fake, public, member, watch)
                wire = tuple(r.replace(fake.address[7:].encode(), b"") for r in fake.received)
            assert (watch.selected - before, ended == "drawn") == (drawn, drawn)
            paths = fake.paths()
            assert paths[:4] == WIRE
            assert set(paths[4:]) <= {"latents"}  # retries of the network's faults alone
            seen.add((wire, ended))
    # the same whichever candidate was meant, and whichever the server went after
    assert len(seen) == 1


def test_all_twelve_are_there() -> None:
    assert list(MISBEHAVIOURS) == [
        "spoil", "mark", "nan", "swap", "delay", "wrong shape", "oversize", "truncated", "stale",
        "repeated", "other N", "other k",
    ]  # fmt: skip


@pytest.mark.parametrize("leak", ["early cancel", "reconnect on a bad latent", "acknowledgement"])
def test_a_planted_leak_is_seen(
    cloud: str, public: Public, watch: Watch, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    """The test above would fail for a client that does any of these."""
    if leak == "acknowledgement":
        watched = watch._watched

        def acknowledged(sealed: Sealed[Any], choice: Any) -> Any:
            mine = watched(sealed, choice)
            socket.create_connection(("127.0.0.1", 9))
            return mine

        monkeypatch.setattr(story, "select", acknowledged)
        with between(cloud) as fake, pytest.raises(AssertionError, match="after the choice"):
            attempt(fake, public, MEMBERS[0], watch)
        return
    meant = {"index": 0}
    fetch = Connection.fetch

    def leaking(self: Connection, accepted: Any, shape: Any) -> Any:
        if leak == "early cancel" and meant["index"]:
            self._attempt("DELETE", f"/v1/generations/{accepted.id}", b"", lambda r: 0)
        latents = fetch(self, accepted, shape)
        if leak != "early cancel" and not (abs(latents[:, meant["index"]]) < 29).all():
            latents = fetch(self, accepted, shape)
        return latents

    monkeypatch.setattr(Connection, "fetch", leaking)
    seen = set()
    make, _ = MISBEHAVIOURS["spoil"]
    for index, member in enumerate(MEMBERS):
        meant["index"] = index
        with between(cloud, make(SHAPE, 0)) as fake:
            attempt(fake, public, member, watch)
            seen.add(tuple(r.replace(fake.address[7:].encode(), b"") for r in fake.received))
    assert len(seen) == 2

"""The main job, and its promise: nothing that leaves depends on the choice."""

from __future__ import annotations

import hashlib
import socket
from typing import Any, NoReturn

import pytest

from obclip.client import generate as story
from obclip.client.device import Device
from obclip.client.download import Report, download
from obclip.client.generate import drawn_by_the_cloud, generate, generate_on_device
from obclip.client.profile import Public
from obclip.client.transport import Connection, Exchange
from obclip.diffusion.compatibility import Facts
from obclip.diffusion.pairs import find
from obclip.errors import ObclipError, SelectionError
from obclip.evaluation.methods import Prompts, Setting, latents
from obclip.privacy import Expansion, PrivacySettings, expand, seal
from obclip.protocol.codec import decode_request
from tests.client.fakes import between

SEED = 1234


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Every connection that is made."""
    made: list[Connection] = []

    class Kept(Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(story, "Connection", Kept)
    return made


def exchanged(trace: list[Exchange]) -> list[tuple[str, str, bytes]]:
    return [(e.method, e.path, e.sent) for e in trace]


def test_the_exchange_is_byte_identical_whichever_member_is_the_users(
    cloud: str, public: Public, expansion: Expansion, traces: list[Connection]
) -> None:
    members = expansion.candidates.prompts
    wire: list[list[bytes]] = []
    pictures: set[bytes] = set()
    with between(cloud) as fake:
        for index, member in enumerate(members):
            mine = expand(member, PrivacySettings())
            assert mine.choice.reveal() == index
            result = generate(mine, public, lambda: fake.address, seed=SEED)
            pictures.add(result.pictures[0].tobytes())
            wire.append(fake.received[:])
            fake.received.clear()
    assert all(trace == wire[0] for trace in wire)
    assert len(wire[0]) == 4
    assert len({str(exchanged(c.trace)) for c in traces}) == 1
    assert len({c.bytes_up for c in traces}) == 1
    assert len(pictures) == len(members) == 8


def test_the_choice_is_made_after_the_connection_is_closed_and_nothing_follows(
    cloud: str,
    public: Public,
    expansion: Expansion,
    traces: list[Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    select = story.select

    def checked(*args: Any) -> Any:
        assert traces[0].is_closed

        def nothing_may_follow(*_: object, **__: object) -> NoReturn:
            raise AssertionError("a socket after the choice")

        monkeypatch.setattr(socket, "socket", nothing_may_follow)
        monkeypatch.setattr(socket.socket, "connect", nothing_may_follow, raising=False)
        return select(*args)

    monkeypatch.setattr(story, "select", checked)
    with between(cloud) as fake:
        generate(expansion, public, lambda: fake.address, seed=SEED)
        monkeypatch.undo()
        assert fake.paths() == ["models", "generations", "progress", "latents"]
    with pytest.raises(ObclipError) as error:
        traces[0].info()
    assert error.value.code == "closed"


def test_selecting_from_an_open_connection_is_an_error(cloud: str) -> None:
    connection = Connection(cloud)
    with pytest.raises(SelectionError):
        seal((1, 2), connection)
    connection.close()
    assert len(seal((1, 2), connection)) == 2


def test_the_download_cannot_see_the_choice() -> None:
    import inspect

    hints = inspect.get_annotations(download)
    assert hints["candidates"] == "CandidateSet"
    assert not {"Expansion", "Choice"} & set(map(str, hints.values()))


def test_the_request_holds_the_set_and_the_profiles_public_numbers(
    cloud: str, facts: Facts, public: Public, expansion: Expansion
) -> None:
    report, connection = Report(), Connection(cloud)
    answer = download(
        expansion.candidates, public, facts, connection, seed=SEED, images=2, report=report
    )
    (post,) = [e.sent for e in connection.trace if e.method == "POST"]
    sent = decode_request(post)
    assert sent.prompts == expansion.candidates.prompts
    assert (sent.seed, sent.images, sent.steps, sent.split) == (SEED, 2, 5, 2)
    assert len(answer.latents) == report.n == 8
    assert report.ratio == pytest.approx(8 * 2 / 5)
    assert report.bytes_up == len(post)
    assert report.bytes_down > 2 * 2 * 8 * 4 * 8 * 8


def test_the_picture_is_the_methods_own(
    cloud: str, tiny_pair: str, device: Device, public: Public, expansion: Expansion
) -> None:
    """Over the wire or in one process, the oblivious method draws the same."""
    from obclip.cloud.engine import Engine
    from obclip.diffusion.decode import decode
    from obclip.diffusion.loading import load

    result = generate(expansion, public, lambda: cloud, seed=SEED)
    prompts = Prompts(expansion.candidates.prompts, expansion.choice.reveal())
    engine = Engine(load(find(tiny_pair).cloud, vae=False))
    done = latents(
        "oblivious", prompts, Setting(result.sampling, public.split), engine, device, SEED
    )
    (expected,) = decode(device.parts, done)
    assert close(result.pictures[0], expected)


def close(a: Any, b: Any) -> bool:
    pairs = zip(a.tobytes(), b.tobytes(), strict=True)
    return max(abs(x - y) for x, y in pairs) <= 2


def test_several_pictures_travel_in_one_request_and_differ(
    cloud: str, public: Public, expansion: Expansion
) -> None:
    with between(cloud) as fake:
        result = generate(expansion, public, lambda: fake.address, seed=SEED, images=3)
        assert fake.paths().count("generations") == 1
    assert len({hashlib.sha256(p.tobytes()).digest() for p in result.pictures}) == 3


def test_all_pictures_of_the_set_can_be_shown_without_the_choice(
    cloud: str, facts: Facts, device: Device, public: Public, expansion: Expansion
) -> None:
    answer = download(
        expansion.candidates, public, facts, Connection(cloud), seed=SEED, report=Report()
    )
    result = generate(expansion, public, lambda: cloud, seed=SEED)
    shown = drawn_by_the_cloud(expansion.candidates, answer, device)
    assert len(shown) == 8
    assert close(shown[expansion.choice.reveal()], result.pictures[0])


def test_a_retry_repeats_the_same_bytes_and_then_succeeds(
    cloud: str, public: Public, expansion: Expansion
) -> None:
    failures = {"models": 1, "generations": 2, "progress": 1, "latents": 1}

    def flaky(_: str, path: str, answer: Any) -> Any:
        where = path.rpartition("/")[2]
        failures[where] -= 1
        if failures[where] == 0 and where == "generations":
            answer.status = 503
        else:
            answer.reset = failures[where] >= 0
        return answer

    with between(cloud, flaky) as fake:
        result = generate(expansion, public, lambda: fake.address, seed=SEED)
        again = generate(expansion, public, lambda: cloud, seed=SEED)
    assert result.pictures[0].tobytes() == again.pictures[0].tobytes()
    assert fake.paths() == (
        ["models"] * 2 + ["generations"] * 3 + ["progress"] * 2 + ["latents"] * 2
    )
    posts = {r for r in fake.received if r.startswith(b"POST")}
    assert len(posts) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"steps": 0}, "bad_steps"),
        ({"split": 6}, "bad_split"),
        ({"split": -1}, "bad_split"),
        ({"side": 0}, "bad_size"),
        ({"side": 100}, "bad_height"),
        ({"side": 4096}, "bad_size"),
        ({"guidance": float("nan")}, "bad_guidance"),
        ({"guidance": -1.0}, "bad_guidance"),
        ({"plan": "nope"}, "unknown_plan"),
        ({"scheduler": "nope"}, "bad_scheduler"),
        ({"pair": "nope"}, "unknown_pair"),
    ],
)
def test_a_bad_number_is_told_before_the_set_leaves(
    cloud: str, public: Public, expansion: Expansion, change: dict[str, Any], code: str
) -> None:
    from dataclasses import replace

    with between(cloud) as fake:
        with pytest.raises(ObclipError) as error:
            generate(expansion, replace(public, **change), lambda: fake.address, seed=SEED)
        assert error.value.code == code
        assert "generations" not in fake.paths()


def test_a_set_that_the_contract_refuses_does_not_leave(
    cloud: str, public: Public, expansion: Expansion, facts: Facts
) -> None:
    with between(cloud) as fake:
        with pytest.raises(ObclipError) as error:
            download(
                expansion.candidates, public, facts, Connection(fake.address), seed=1,
                images=64, report=Report(),
            )  # fmt: skip
        assert error.value.code == "bad_images"
        assert fake.paths() == ["models"]


def test_device_only_opens_no_socket(public: Public, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "create_connection", never)
    result = generate_on_device("a woman", "blue", public, seed=1, images=2)
    assert len(result.pictures) == 2


def test_seeds_repeat_a_picture(cloud: str, public: Public, expansion: Expansion) -> None:
    first, again, other = (
        generate(expansion, public, lambda: cloud, seed=seed).pictures[0].tobytes()
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_closed_connection_holds_no_socket(cloud: str) -> None:
    connection = Connection(cloud)
    connection.info()
    connection.close()
    assert connection.is_closed
    assert connection._client.is_closed

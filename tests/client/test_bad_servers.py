"""Whatever a server does, the user reads one clear line and the server learns no more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from obclip.client.download import AGAIN, Report, download
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.diffusion.compatibility import Facts
from obclip.errors import (
    AnswerInvalid,
    ModelError,
    ObclipError,
    PlanError,
    ProtocolError,
    RequestError,
    ServerError,
    TransportError,
)
from obclip.privacy import Expansion
from obclip.protocol import limits
from obclip.protocol.codec import decode_latents, encode_latents
from tests.client.conftest import HURRIED
from tests.client.fakes import STAGES, Answer, Cheat, Fake, at, between, free_port, stage

Try = Callable[..., ObclipError]


@pytest.fixture
def fails(facts: Facts, public: Public, expansion: Expansion) -> Try:
    """Downloads from a server that must not succeed; the one error, checked for its form."""

    def attempt(fake: Fake | None, address: str, **patience: float) -> ObclipError:
        connection = Connection(address, patience=replace(HURRIED, **patience))
        with pytest.raises(ObclipError) as caught:
            download(expansion.candidates, public, facts, connection, seed=5, report=Report())
        line = str(caught.value)
        assert line.isprintable()
        assert len(line) < 1500
        assert not any(prompt in line for prompt in expansion.candidates.prompts)
        assert connection.is_closed
        if fake is not None:
            before = len(fake.received)
            with pytest.raises(TransportError):
                connection.info()
            time.sleep(0.05)
            assert len(fake.received) == before
        return caught.value

    return attempt


def test_a_dead_server(fails: Try) -> None:
    error = fails(None, f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, TransportError)
    assert error.code == "unreachable"
    assert "--device-only" in str(error)


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://x", "http://", "http://a b", "//x:1"])
def test_no_address_at_all(address: str, fails: Try) -> None:
    with pytest.raises(TransportError) as caught:
        Connection(address, patience=replace(HURRIED, connect=0.5)).info()
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("where", ["models", "progress", "latents"])
def test_a_silent_server(cloud: str, fails: Try, where: str) -> None:
    with between(cloud, at(where, hang=True)) as fake:
        error = fails(fake, fake.address, silence=4.0)
    assert isinstance(error, TransportError)
    assert error.code == "timeout"
    assert fake.paths() == list(STAGES[: STAGES.index(where) + 1])


@pytest.mark.parametrize("where", STAGES)
def test_a_server_that_hangs_up_is_asked_again_with_the_same_bytes(
    cloud: str, fails: Try, where: str
) -> None:
    with between(cloud, at(where, reset=True)) as fake:
        error = fails(fake, fake.address)
    assert isinstance(error, TransportError)
    same = [r for r, path in zip(fake.received, fake.paths(), strict=True) if path == where]
    tries = HURRIED.first_retries if where == "models" else HURRIED.retries
    assert len(same) == tries + 1
    assert len(set(same)) == 1


@pytest.mark.parametrize("status", [200, 301, 404, 500])
def test_some_other_web_server(fails: Try, status: int) -> None:
    cheat: Cheat = at("models", status=status, headers={"location": "http://127.0.0.1:9/"})
    with between("", cheat) as fake:
        error = fails(fake, fake.address)
    assert isinstance(error, ProtocolError if status == 200 else ServerError)
    assert fake.paths() == ["models"]


@pytest.mark.parametrize("where", STAGES)
def test_an_answer_cut_on_the_way(cloud: str, fails: Try, where: str) -> None:
    def cut(_: str, path: str, answer: Answer) -> Answer:
        if stage(path) == where:
            answer.length = len(answer.body)
            answer.body = answer.body[:-3]
        return answer

    with between(cloud, cut) as fake:
        error = fails(fake, fake.address)
    assert isinstance(error, TransportError)
    assert error.code == "cut_off"


@pytest.mark.parametrize("where", STAGES)
@pytest.mark.parametrize(
    "change",
    [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\0" * 100, lambda b: b"[" * 400],
)
def test_an_answer_that_is_not_the_protocol(
    cloud: str, fails: Try, where: str, change: Callable[[bytes], bytes]
) -> None:
    with between(cloud, at(where, body=change)) as fake:
        error = fails(fake, fake.address)
    assert isinstance(error, ProtocolError | ServerError)


SHAPE = (1, 8, 4, 8, 8)


def spoil(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    return lambda body: encode_latents(change(decode_latents(body, SHAPE).copy()))


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        (spoil(lambda x: x[:, :-1]), ProtocolError, "answer_shape"),
        (spoil(lambda x: x[:, :1]), ProtocolError, "answer_shape"),
        (spoil(lambda x: np.concatenate([x, x], 1)), ProtocolError, "answer_size"),
        (spoil(lambda x: x.reshape(8, 1, 4, 8, 8)), ProtocolError, "answer_shape"),
        (lambda b: b.replace(b"F16", b"I16"), ProtocolError, "answer_type"),
        (lambda b: b.replace(b"latents", b"tensors"), ProtocolError, "answer_tensors"),
        (lambda b: b + b"\0" * (1 << 20), ProtocolError, "answer_size"),
        (spoil(lambda x: x * np.float16(np.nan)), AnswerInvalid, "answer_invalid"),
        (spoil(lambda x: x + np.float16(np.inf)), AnswerInvalid, "answer_invalid"),
        (spoil(lambda x: x * 0 + np.float16(5000)), AnswerInvalid, "answer_invalid"),
    ],
)
def test_latents_of_another_form_or_impossible_values(
    cloud: str, fails: Try, change: Any, kind: type[ObclipError], code: str
) -> None:
    with between(cloud, at("latents", body=change)) as fake:
        error = fails(fake, fake.address)
    assert (type(error), error.code) == (kind, code)
    assert fake.paths() == list(STAGES)


def test_the_reaction_is_the_same_whichever_candidate_is_spoilt(cloud: str, fails: Try) -> None:
    told, sent = set(), set()
    for index in range(SHAPE[1]):

        def one(x: Any, index: int = index) -> Any:
            x[0, index, 0, 0, 0] = np.nan
            return x

        with between(cloud, at("latents", body=spoil(one))) as fake:
            told.add(str(fails(fake, fake.address)))
            sent.add(tuple(r.replace(fake.address[7:].encode(), b"") for r in fake.received))
    assert (len(told), len(sent)) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        b'{"state":"running","step":1,"steps":2}\n',
        b'{"state":"cancelled","step":1,"steps":2}\n',
        b'{"state":"running","step":1,"steps":2}\n' + b" " * 600,
        b'{"state":"running","step":1,"steps":' + b"9" * 400 + b"}\n",
        b"",
    ],
)
def test_a_run_that_does_not_end(cloud: str, fails: Try, text: bytes) -> None:
    with between(cloud, at("progress", body=text)) as fake:
        error = fails(fake, fake.address)
    assert isinstance(error, ServerError | ProtocolError)
    asked = AGAIN + 1 if isinstance(error, ServerError) else 1  # a lost job is asked for again
    assert fake.paths() == ["models", *["generations", "progress"] * asked]
    assert len({r for r in fake.received if r.startswith(b"POST")}) == 1


def test_a_server_that_accepted_something_else(cloud: str, fails: Try) -> None:
    body = json.dumps({"id": "0" * 64, "state": "queued", "ratio": 1.0}).encode()
    with between(cloud, at("generations", body=body)) as fake:
        assert fails(fake, fake.address).code == "other_request"


def edited(**changes: Any) -> Callable[[bytes], bytes]:
    def edit(body: bytes) -> bytes:
        info = json.loads(body)
        for name, value in changes.items():
            (info if name in info else info["models"][0])[name] = value
        return json.dumps(info).encode()

    return edit


SCHEDULE = {
    "num_train_timesteps": 1000, "beta_start": 0.1, "beta_end": 0.2, "beta_schedule": "linear",
    "prediction_type": "v", "rescale_betas_zero_snr": False, "timestep_spacing": "leading",
    "steps_offset": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (edited(version=9), ProtocolError),
        (edited(models=[]), RequestError),
        (edited(name="another"), RequestError),
        (edited(plans=["other"]), PlanError),
        (edited(schedule=SCHEDULE), ModelError),
        (edited(latent_channels=16), ModelError),
        (edited(height=1 << 40), ProtocolError),
        (edited(height=72), RequestError),
        (edited(guidance=1e9), ProtocolError),
    ],
)
def test_a_cloud_that_does_not_fit_never_sees_the_set(
    cloud: str, fails: Try, change: Any, kind: type[ObclipError]
) -> None:
    with between(cloud, at("models", body=change)) as fake:
        error = fails(fake, fake.address)
    assert type(error) is kind
    assert fake.paths() == ["models"]


def test_a_refusal_is_told_in_printable_words(cloud: str, fails: Try) -> None:
    words = {
        "code": "x\x1b",
        "message": "\x1b[2Jgone\n\nfree wine" * 500,
        "got": "\r",
        "expected": "\a",
    }
    cheat = at("generations", status=400, body=json.dumps(words).encode())
    with between(cloud, cheat) as fake:
        error = fails(fake, fake.address)
    assert isinstance(error, ServerError)
    assert error.code.isprintable()


def test_a_refusal_of_megabytes_is_not_read(cloud: str, fails: Try) -> None:
    cheat = at("generations", status=400, body=b"x" * (limits.MAX_ERROR_BYTES + 1))
    with between(cloud, cheat) as fake:
        assert isinstance(fails(fake, fake.address), ProtocolError)


def test_a_busy_server_is_asked_again_with_the_same_bytes_and_then_told(
    cloud: str, fails: Try
) -> None:
    busy = b'{"code":"busy","message":"the queue is full"}'
    with between(cloud, at("generations", status=503, body=busy)) as fake:
        error = fails(fake, fake.address, busy=2.0)
    assert error.code == "busy"
    posts = [r for r in fake.received if r.startswith(b"POST")]
    assert len(posts) > 2
    assert len(set(posts)) == 1

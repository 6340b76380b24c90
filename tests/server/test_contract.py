"""One contract for whatever computes: this machine's engine, and a fleet of replicas under Ray."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from obclip.errors import ObclipError
from obclip.protocol.codec import decode_latents, encode_request
from obclip.protocol.messages import GenerateRequest
from obclip.server.backend import Backend, Stopped
from obclip.server.settings import Settings
from tests.wire import MARKER, request

SHAPE = (1, 2, 4, 8, 8)


def embedded(settings: Settings) -> Backend:
    from obclip.cloud.engine import Engine
    from obclip.diffusion.loading import load
    from obclip.diffusion.pairs import find
    from obclip.server.embedded import Embedded, model_info

    pair = find(settings.pair)
    engine = Engine(load(pair.cloud, vae=False))
    return Embedded(engine, model_info(pair.name, engine, pair.guidance), settings)


def ray(settings: Settings) -> Backend:
    # found, not imported: Ray reads how it is to be guarded when it is loaded
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed here: pip install 'obclip[ray]'")
    from obclip.server.ray_backend import start

    return start(settings)


MAKERS: dict[str, Callable[[Settings], Backend]] = {"embedded": embedded, "ray": ray}


@pytest.fixture(scope="module", params=MAKERS)
def backend(request: pytest.FixtureRequest, tiny_pair: str) -> Iterator[Backend]:
    made = MAKERS[request.param](Settings(pair=tiny_pair, threads=1, memory=1 << 30))
    yield made
    made.close()
    assert not made.ready


class Run:
    """One job given to a backend, and what it said."""

    def __init__(self, backend: Backend, asked: GenerateRequest, *, stop_at: int = 1 << 30) -> None:
        self.steps: list[tuple[int, int]] = []
        self.ends: list[tuple[bytes | None, BaseException | None]] = []
        self._over = threading.Event()
        self._stop_at = stop_at
        self.key = f"{id(self)}"
        held = backend.admit(asked).held
        backend.submit(self.key, "tenant", asked, held, self._step, self._end)

    def _step(self, done: int, total: int) -> None:
        self.steps.append((done, total))
        if done >= self._stop_at:
            raise Stopped

    def _end(self, answer: bytes | None, error: BaseException | None) -> None:
        self.ends.append((answer, error))
        self._over.set()

    def end(self) -> tuple[bytes | None, BaseException | None]:
        assert self._over.wait(180), "it did not end"
        time.sleep(0.05)
        assert len(self.ends) == 1
        return self.ends[0]

    def latents(self) -> Any:
        answer, error = self.end()
        assert error is None
        assert answer is not None
        return decode_latents(answer, SHAPE).astype(np.float32)


def asked(backend: Backend, **changes: Any) -> GenerateRequest:
    return request(model=backend.info.name, **changes)


def alone(tiny_pair: str, wanted: GenerateRequest) -> Any:
    from training.service.oracle import Oracle

    return Oracle(tiny_pair).answer(wanted).astype(np.float32)


def test_it_says_what_it_serves(backend: Backend, tiny_pair: str) -> None:
    info = backend.info
    assert (info.name, info.latent_channels, info.height) == (tiny_pair, 4, 64)
    assert "exact" in info.plans
    assert backend.ready
    assert backend.free_bytes() > 0


def test_it_says_beforehand_what_a_request_takes(backend: Backend) -> None:
    told = backend.admit(asked(backend))
    assert told.ratio == pytest.approx(2 * 3 / 8)
    assert told.held > 0


@pytest.mark.parametrize(
    ("change", "code"),
    [({"model": MARKER}, "unknown_model"), ({"plan": MARKER}, "unknown_plan"),
     ({"scheduler": MARKER}, "bad_scheduler"), ({"height": 72}, "bad_height")],
)  # fmt: skip
def test_it_refuses_beforehand_in_its_own_words(
    backend: Backend, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(ObclipError) as error:
        backend.admit(request(**{"model": backend.info.name, **change}))
    assert error.value.code == code
    assert MARKER not in str(error.value)


def test_its_answer_is_that_of_the_engine_alone(backend: Backend, tiny_pair: str) -> None:
    wanted = asked(backend)
    run = Run(backend, wanted)
    assert np.abs(run.latents() - alone(tiny_pair, wanted)).max() < 0.01
    assert run.steps[-1] == (3, 3)
    assert [done for done, _ in run.steps] == sorted(done for done, _ in run.steps)


def test_several_at_once_are_each_their_own(backend: Backend, tiny_pair: str) -> None:
    wanted = [asked(backend, seed=seed, guidance=1.0 + seed % 2) for seed in range(6)]
    runs = [Run(backend, each) for each in wanted]
    for run, each in zip(runs, wanted, strict=True):
        assert np.abs(run.latents() - alone(tiny_pair, each)).max() < 0.01


def test_equal_bytes_have_equal_answers(backend: Backend) -> None:
    wanted = asked(backend, seed=5)
    assert encode_request(wanted) == encode_request(asked(backend, seed=5))
    first, again = Run(backend, wanted).latents(), Run(backend, wanted).latents()
    assert np.abs(first - again).max() < 0.01


def test_a_run_that_is_cancelled_ends_soon(backend: Backend) -> None:
    run = Run(backend, asked(backend, steps=200, split=200))
    backend.cancel(run.key)
    backend.cancel("no such run")
    answer, error = run.end()
    assert answer is None
    assert isinstance(error, Stopped)
    assert len(run.steps) < 150


def test_a_run_that_is_not_wanted_any_more_ends_at_its_next_step(backend: Backend) -> None:
    run = Run(backend, asked(backend, steps=100, split=100), stop_at=3)
    answer, error = run.end()
    assert answer is None
    assert error is not None
    assert run.steps[-1][0] < 20


def test_a_lost_replica_costs_no_job(backend: Backend, tiny_pair: str) -> None:
    if type(backend).__name__ != "RayBackend":
        pytest.skip("this machine's engine has no replicas")
    from training.service.trial import replicas

    wanted = asked(backend, steps=100, split=100)
    run = Run(backend, wanted)
    end = time.monotonic() + 60
    while not run.steps and time.monotonic() < end:
        time.sleep(0.01)
    for replica in replicas():
        replica.kill()
    assert np.abs(run.latents() - alone(tiny_pair, wanted)).max() < 0.02
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_what_a_replica_fails_with_leaves_as_a_code_alone() -> None:
    from obclip.errors import RequestError, ServerError
    from obclip.server.ray_replica import error_of, told

    foreign = error_of(told(ValueError(MARKER)))
    assert isinstance(foreign, ServerError)
    assert (foreign.code, foreign.got) == ("engine_failed", "ValueError")
    ours = error_of(told(RequestError("too wide", code="bad_width", got=72, expected="64")))
    assert type(ours) is RequestError
    assert (ours.code, ours.got, ours.expected) == ("bad_width", "72", "64")
    assert isinstance(error_of(told(Stopped())), Stopped)

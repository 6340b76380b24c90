"""The harnesses measure what they say: the proxy's faults, the sums, the fleet on paper."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from training.service.fleet import alone, fewest, passes, simulate
from training.service.load import fairness, growth
from training.service.oracle import same
from training.service.proxy import Fault, Proxy, Seen, proxied, requests
from training.service.workload import Served

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"a" * 2000


@pytest.fixture
def heard() -> list[bytes]:
    return []


@contextmanager
def answering(heard: list[bytes]) -> Iterator[tuple[str, int]]:
    """A server that answers every read with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(taken: socket.socket) -> None:
        with taken:
            while data := taken.recv(65536):
                heard.append(data)
                taken.sendall(ANSWER)

    def accept() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(taken,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy(heard: list[bytes]) -> Iterator[Proxy]:
    with answering(heard) as target, proxied(target) as proxy:
        yield proxy


REQUEST = b"POST /v1/generations HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"


def ask(proxy: Proxy) -> bytes:
    """What comes back, to the end or the break."""
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as asking:
            asking.sendall(REQUEST)
            while len(got) < len(ANSWER) and (data := asking.recv(65536)):
                got += data
    except ConnectionResetError:
        return got + b"RESET"
    return got


def test_a_proxy_without_a_fault_passes_everything(proxy: Proxy) -> None:
    passed: list[str] = []
    seen = proxy.arm(Fault(), passed.append)
    assert ask(proxy) == ANSWER
    assert passed == ["/v1/generations"]
    assert requests(seen) == ([REQUEST], [])


def test_it_cuts_and_truncates_where_it_is_told_and_then_no_more(proxy: Proxy) -> None:
    proxy.arm(Fault("truncate", 100))
    assert ask(proxy) == ANSWER[:100]
    assert ask(proxy) == ANSWER
    proxy.arm(Fault("cut", 0, connections=2))
    assert [ask(proxy)[-5:] for _ in range(3)] == [b"RESET", b"RESET", b"aaaaa"]


def test_it_slows_and_duplicates(proxy: Proxy, heard: list[bytes]) -> None:
    proxy.arm(Fault("slow", rate=8000.0))
    begun = time.monotonic()
    assert ask(proxy) == ANSWER
    assert time.monotonic() - begun > 0.15
    heard.clear()
    proxy.arm(Fault("duplicate"))
    assert ask(proxy) == ANSWER
    end = time.monotonic() + 10
    while heard.count(REQUEST) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert heard.count(REQUEST) == 2


def test_a_cloud_that_is_away_resets(heard: list[bytes]) -> None:
    with answering(heard) as target:
        pass
    with proxied(target) as proxy:
        assert ask(proxy) == b"RESET"


def test_whole_and_torn_requests_are_told_apart() -> None:
    get = b"GET /v1/models HTTP/1.1\r\n\r\n"
    seen = Seen([bytearray(get + REQUEST + REQUEST[:-1]), bytearray(b"GET /v1"), bytearray()])
    assert requests(seen) == ([get, REQUEST], [REQUEST[:-1], b"GET /v1"])


def test_an_answer_is_the_same_but_for_the_last_digits() -> None:
    right = np.ones((1, 2, 4, 8, 8), np.float16)
    assert same(right, right + np.float16(0.005))
    assert not same(right, right[:, :1])
    assert not same(right, right * np.float16(np.nan))
    other = right.copy()
    other[0, 1, 0, 0, 0] = 2
    assert not same(right, other)


def test_fairness_compares_equal_work_only() -> None:
    jobs = [
        Served(user, kind, 0.0, seconds, True)
        for user, factor in ((0, 1.0), (1, 2.0))
        for kind, seconds in (("a", factor), ("a", factor), ("b", 10 * factor))
    ]
    worst, which, overall = fairness(jobs, 2)
    assert (worst, which) == (2.0, "a")
    assert overall == pytest.approx(2.0)


def test_growth_compares_the_last_minute_with_the_third() -> None:
    assert growth([(t, 100) for t in range(600)]) == 1
    assert growth([(t, 100 + 10 * (t >= 540)) for t in range(600)]) == pytest.approx(1.1, rel=0.01)
    assert growth([(t, 100 + (t > 23)) for t in range(30)]) == pytest.approx(1.01, abs=0.005)


TIMES = {"full": (0.01, 0.01), "shallow": (0.01, 0.01)}


def test_a_machine_alone_takes_the_sum_of_its_calls() -> None:
    work = passes(2, 25, 5, "exact")
    assert work == [("full", 4)] * 5
    assert alone(work, TIMES) == pytest.approx(5 * 0.05)
    told = simulate(TIMES, work, users=1, rate=60.0, gpus=1, hours=1, rows=32, seed=1)
    assert told["wait, median s"] == pytest.approx(0.25)
    assert told["pictures an hour"] == pytest.approx(60, rel=0.4)
    assert told["in use"] == pytest.approx(60 * 0.25 / 3600, rel=0.4)


def test_more_users_need_more_machines_and_sharing_calls_helps() -> None:
    work = passes(2, 25, 5, "exact")
    options = {"rate": 60.0, "hours": 0.02, "seed": 1, "patience": 1.0}
    few, _ = fewest(TIMES, work, users=40, rows=32, **options)  # type: ignore[arg-type]
    many, told = fewest(TIMES, work, users=400, rows=32, **options)  # type: ignore[arg-type]
    single, _ = fewest(TIMES, work, users=400, rows=4, **options)  # type: ignore[arg-type]
    assert few < many <= single
    assert told["wait, 95 % s"] <= 1.0

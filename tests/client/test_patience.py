"""A server can slow the device down, not hold it: every wait ends, every retry is equal bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import httpx
import pytest

from obclip.client.patience import Patience, retry_after
from obclip.client.transport import Connection
from obclip.errors import ObclipError, TransportError
from obclip.protocol.messages import Accepted
from tests.client.conftest import HURRIED
from tests.client.fakes import Answer, between

JOB = Accepted(id="0" * 64, state="queued", ratio=1.0)
LINE = b'{"state":"running","step":1,"steps":2}\n'
CHUNK = b"%x\r\n%s\r\n" % (len(LINE), LINE)
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@contextmanager
def dripping(first: bytes, drip: bytes) -> Iterator[str]:
    """A server that answers anything with ``first``, then ``drip`` again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                taken, _ = listener.accept()
                taken.recv(65536)
                taken.sendall(first)
                while not over.wait(0.02):
                    taken.sendall(drip)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
        thread.join(5)


Call = Callable[[Connection], object]


@pytest.mark.parametrize(
    ("first", "drip", "call"),
    [
        (HEAD, CHUNK, lambda c: c.follow(JOB, lambda _: None)),
        (HEAD, b"1\r\n \r\n", lambda c: c.info()),
        (b"HTTP/1.1 200 OK\r\n", b"x", lambda c: c.info()),
        (b"", b"", lambda c: c.info()),
    ],
    ids=["progress", "body", "header", "nothing"],
)
def test_a_dripping_server_is_left_when_the_whole_time_is_up(
    first: bytes, drip: bytes, call: Call
) -> None:
    with dripping(first, drip) as address, Connection(address, patience=replace(HURRIED, total=0.6)) as c:  # fmt: skip  # noqa: E501
        begun = time.monotonic()
        with pytest.raises(TransportError) as error:
            call(c)
        assert error.value.code == "too_slow"
        assert 0.5 < time.monotonic() - begun < 20
        with pytest.raises(TransportError):  # and nothing more is tried
            c.info()


def test_the_clock_of_a_closed_connection_runs_no_more(cloud: str) -> None:
    with Connection(cloud) as connection:
        connection.info()
        clock = connection._clock
    assert clock is not None
    clock._timer.join(20)
    assert not clock._timer.is_alive()


def test_a_busy_server_says_when_to_come_back_and_is_believed_within_reason() -> None:
    patience = Patience()
    assert patience.pause(0, {}) == patience.backoff[0]
    assert patience.pause(0, {"retry-after": "7"}) == 7
    assert patience.pause(5, {"retry-after": "1"}) == patience.backoff[5]
    assert patience.pause(0, {"retry-after": "9" * 9}) == patience.longest_wait
    assert [patience.pause(i) for i in range(9)] == sorted(patience.pause(i) for i in range(9))
    assert patience.pause(100) == patience.backoff[-1]


@pytest.mark.parametrize("text", ["", "-1", "soon", "1e9", "٣", "9" * 400, "0x10"])
def test_a_retry_after_that_cannot_be_read_asks_for_nothing(text: str) -> None:
    assert retry_after(text) == 0


def test_a_retry_after_may_be_a_date() -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    assert 20 < retry_after(ahead) <= 40
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_cloud_with_no_room_is_asked_again_after_the_time_it_names(status: int) -> None:
    times: list[float] = []
    full = b'{"code":"busy","message":"full"}'

    def cheat(_: str, path: str, answer: Answer) -> Answer:
        times.append(time.monotonic())
        return Answer(status, full, {"retry-after": "1"})

    with between("", cheat) as fake:
        patience = replace(HURRIED, busy=2.5)
        with Connection(fake.address, patience=patience) as c, pytest.raises(ObclipError) as error:
            c.submit(b"{}")
        assert error.value.code == "busy"
        assert len(times) in (2, 3)
        assert all(b - a > 0.9 for a, b in pairwise(times))
        assert len(set(fake.received)) == 1


def test_a_cloud_that_is_full_for_hours_is_not_waited_for() -> None:
    def cheat(_: str, path: str, answer: Answer) -> Answer:
        return Answer(429, b'{"code":"quota","message":"used up"}', {"retry-after": "90000"})

    with between("", cheat) as fake:
        with Connection(fake.address) as c, pytest.raises(ObclipError) as error:
            c.submit(b"{}")
        assert error.value.code == "quota"
        assert len(fake.received) == 1


def test_what_a_server_would_have_remembered_does_not_come_back() -> None:
    """A retry is the same bytes: a cookie would make each one another."""
    count = 0

    def cheat(_: str, path: str, answer: Answer) -> Answer:
        nonlocal count
        count += 1
        return Answer(502, b"", {"set-cookie": f"id=track{count}; Path=/"})

    with between("", cheat) as fake:
        with Connection(fake.address, patience=HURRIED) as c, pytest.raises(ObclipError):
            c.submit(b"{}")
        assert len(fake.received) > 2
        assert len(set(fake.received)) == 1
        assert b"cookie" not in fake.received[0].lower()


@pytest.mark.parametrize("address", ["http://cloud.example", "http://10.0.0.1:80"])
def test_a_key_never_travels_in_clear(address: str) -> None:
    with pytest.raises(TransportError) as error:
        Connection(address, key="k" * 40)
    assert error.value.code == "key_in_clear"
    assert "kkkk" not in str(error.value)


def test_a_key_goes_with_every_exchange() -> None:
    with between("") as fake:
        for address in (fake.address, fake.address.replace("127.0.0.1", "localhost")):
            with Connection(address, key="abc") as connection, pytest.raises(ObclipError):
                connection.info()
        assert all(b"authorization: Bearer abc" in r for r in fake.received)


@pytest.mark.parametrize("broken", [2, 99])
def test_a_line_that_is_not_made_in_time_is_a_broken_network(
    cloud: str, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    with Connection(cloud, patience=replace(HURRIED, first_retries=3)) as connection:
        honest, tries = connection._client.stream, []

        def stream(*given: object, **more: object) -> object:
            tries.append(given)
            if len(tries) <= broken:
                raise httpx.ConnectTimeout("")
            return honest(*given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(connection._client, "stream", stream)
        if broken < 4:
            assert connection.info().models
        else:
            with pytest.raises(TransportError) as error:
                connection.info()
            assert error.value.code == "unreachable"
    assert len(tries) == min(broken + 1, 4)

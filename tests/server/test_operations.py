"""Keys, quotas, moderation, health, readiness, metrics, logs: who may, how much, and how it is."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from obclip.errors import ServerError
from obclip.server import moderation
from obclip.server.accounts import Accounts
from obclip.server.logs import FIELDS, Lines, say
from obclip.server.watch import route
from tests.server.fakes import Instant, serving
from tests.wire import MARKER, body

UNITS = 2 * 1 * 3 * 64 * 64
URL = "/v1/generations"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Keyed:
    """A server with the keys of two users; bob's quota is for one job a day."""

    def __init__(self, file: Path, http: TestClient, ann: str, bob: str) -> None:
        self.file, self.http, self.ann, self.bob = file, http, bearer(ann), bearer(bob)

    def used(self) -> dict[str, tuple[int, int]]:
        accounts = Accounts(self.file)
        return {key.name: (key.jobs, key.used) for key in accounts.list()}


@pytest.fixture
def backend() -> Instant:
    return Instant(held=True)


@pytest.fixture
def keyed(tmp_path: Path, backend: Instant) -> Iterator[Keyed]:
    file = tmp_path / "keys.db"
    accounts = Accounts(file)
    ann, bob = accounts.add("ann"), accounts.add("bob", quota=UNITS)
    accounts.close()
    with serving(backend, database=file, tenant_queue=2) as http:
        yield Keyed(file, http, ann, bob)


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic x"}, bearer("obk_1_2"), bearer("")]
)
def test_without_a_key_only_health_is_told(keyed: Keyed, headers: dict[str, str]) -> None:
    for path in ("/health", "/ready", "/v1/health"):
        assert keyed.http.get(path, headers=headers).status_code == 200
    for method, path in (
        ("GET", "/v1/models"), ("GET", "/metrics"), ("POST", URL), ("GET", f"{URL}/x/progress"),
        ("GET", f"{URL}/x/latents"), ("DELETE", f"{URL}/x"),
    ):  # fmt: skip
        answer = keyed.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_user_sees_only_their_own_jobs(keyed: Keyed) -> None:
    job = keyed.http.post(URL, content=body(), headers=keyed.ann).json()["id"]
    for path in (f"{URL}/{job}/progress", f"{URL}/{job}/latents"):
        assert keyed.http.get(path, headers=keyed.bob).status_code == 404
    assert keyed.http.delete(f"{URL}/{job}", headers=keyed.bob).status_code == 404
    assert keyed.http.delete(f"{URL}/{job}", headers=keyed.ann).status_code == 204


def test_a_set_is_charged_once_however_often_it_is_sent(keyed: Keyed, backend: Instant) -> None:
    for _ in range(3):
        assert keyed.http.post(URL, content=body(), headers=keyed.ann).status_code == 202
    backend.let()
    assert keyed.http.post(URL, content=body(), headers=keyed.ann).json()["state"] == "done"
    assert keyed.used() == {"ann": (1, UNITS), "bob": (0, 0)}


def test_a_quota_is_a_429_until_tomorrow(keyed: Keyed) -> None:
    assert keyed.http.post(URL, content=body(), headers=keyed.bob).status_code == 202
    answer = keyed.http.post(URL, content=body(seed=8), headers=keyed.bob)
    assert (answer.status_code, answer.json()["code"]) == (429, "quota")
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    assert keyed.http.post(URL, content=body(seed=8), headers=keyed.ann).status_code == 202


def test_what_no_day_suffices_for_is_not_put_off_till_tomorrow(keyed: Keyed) -> None:
    answer = keyed.http.post(URL, content=body(steps=9, split=9), headers=keyed.bob)
    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_quota")
    assert "retry-after" not in answer.headers
    assert str(UNITS) in answer.json()["expected"]
    assert keyed.http.post(URL, content=body(), headers=keyed.bob).status_code == 202


def test_a_set_without_steps_is_charged_for_one(keyed: Keyed) -> None:
    assert keyed.http.post(URL, content=body(split=0), headers=keyed.ann).status_code == 202
    assert keyed.used()["ann"] == (1, UNITS // 3)


def test_what_failed_or_never_began_is_not_charged(keyed: Keyed, backend: Instant) -> None:
    keyed.http.post(URL, content=body(), headers=keyed.ann)
    backend.let(error=RuntimeError("x"))
    assert keyed.used()["ann"] == (0, 0)


def test_too_many_open_jobs_of_one_user_are_a_429(keyed: Keyed) -> None:
    for seed in (1, 2):
        keyed.http.post(URL, content=body(seed=seed), headers=keyed.ann)
    answer = keyed.http.post(URL, content=body(seed=3), headers=keyed.ann)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_jobs")
    assert int(answer.headers["retry-after"]) > 0
    assert keyed.used()["ann"] == (2, 2 * UNITS)


def test_a_full_disk_is_a_503_and_no_job(
    keyed: Keyed, backend: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise ServerError("the server cannot write its records", code="storage", got="SQLITE_FULL")

    monkeypatch.setattr(Accounts, "charge", full)
    answer = keyed.http.post(URL, content=body(), headers=keyed.ann)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert "retry-after" in answer.headers
    assert not backend.open
    monkeypatch.undo()
    assert keyed.http.post(URL, content=body(), headers=keyed.ann).status_code == 202


def test_memory_that_is_short_when_measured_is_a_503() -> None:
    backend = Instant()
    with serving(backend) as http:
        backend.free = 1000
        answer = http.post(URL, content=body())
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        backend.free = 1 << 40
        assert http.post(URL, content=body()).status_code == 202


seen: list[tuple[Sequence[str], Sequence[str]]] = []


def judge(prompts: Sequence[str], negatives: Sequence[str]) -> bool:
    seen.append((prompts, negatives))
    if MARKER in prompts[0]:
        raise ValueError(prompts[0])
    return not any("man" in prompt.split() for prompt in prompts)


def test_one_verdict_for_the_whole_set() -> None:
    with serving(moderation=f"{__name__}:judge") as http:
        answer = http.post(URL, content=body())
        assert (answer.status_code, answer.json()["code"]) == (403, "refused")
        assert seen[-1] == (("a photo of a woman", "a photo of a man"), ())
        assert "man" not in answer.text.replace("many", "")
        assert http.post(URL, content=body(prompts=["a", "b"])).status_code == 202
        failed = http.post(URL, content=body(prompts=[MARKER, "b"]))
        assert (failed.status_code, failed.json()["code"]) == (503, "moderation")
        assert MARKER not in failed.text


def test_a_hook_that_hangs_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation, "SECONDS", 0.3)
    over = threading.Event()
    monkeypatch.setattr(moderation, "find", lambda _: lambda *__: over.wait(60))
    with serving(moderation="slow") as http:
        for seed in range(2 * moderation.AT_ONCE):
            answer = http.post(URL, content=body(seed=seed))
            assert (answer.status_code, answer.json()["code"]) == (503, "moderation")
        assert http.get("/v1/models").status_code == 200
        over.set()
        deadline = time.monotonic() + 30
        while http.post(URL, content=body(seed=99)).status_code != 202:  # its places come free
            assert time.monotonic() < deadline


@pytest.mark.parametrize("name", ["nowhere:x", "json:nothing", "json", "json:__doc__"])
def test_a_hook_that_is_not_there_stops_the_start(name: str) -> None:
    with pytest.raises(ServerError) as error:
        moderation.find(name)
    assert error.value.code == "no_hook"


def test_ready_while_it_can_compute_and_is_not_stopping() -> None:
    backend = Instant()
    with serving(backend) as http:
        assert http.get("/ready").json() == {"status": "ready"}
        backend.ready = False
        assert http.get("/ready").status_code == 503
        assert http.post(URL, content=body(seed=9)).json()["code"] == "busy"
        backend.ready = True
        http.app.state.jobs.drain()  # type: ignore[attr-defined]
        assert http.get("/ready").status_code == 503
        refused = http.post(URL, content=body())
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert http.get("/health").status_code == 200


def test_metrics_tell_the_load_and_nobodys_business() -> None:
    with serving() as http:
        http.post(URL, content=body(prompts=[MARKER, "x"]))
        http.get(f"/{MARKER}")
        page = http.get("/metrics").text
    assert 'obclip_requests_total{method="POST",route="/v1/generations",status="202"} 1.0' in page
    assert 'obclip_jobs_total{state="done"} 1.0' in page
    assert f"obclip_units_total {UNITS:.1f}" in page
    assert 'route="other"' in page
    assert MARKER not in page


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    with serving() as http:
        answer = http.post(URL, content=b"", headers={"content-length": "99999999"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_request_that_trickles_in_is_refused() -> None:
    import asyncio

    from obclip.errors import RequestError
    from obclip.server.intake import capped_body

    class Slow:
        headers: dict[str, str] = {}  # noqa: RUF012

        async def stream(self) -> Any:
            yield b"{"
            await asyncio.sleep(60)

    with pytest.raises(RequestError) as error:
        asyncio.run(capped_body(Slow(), 0.05))  # type: ignore[arg-type]
    assert error.value.code == "slow"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    for name in ("obclip.server", "uvicorn.error"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "handlers", [handler])
        monkeypatch.setattr(logger, "propagate", False)
        monkeypatch.setattr(logger, "level", logging.INFO)
        monkeypatch.setattr(logger, "disabled", False)
    logging.getLogger("obclip.server")._cache.clear()  # type: ignore[attr-defined]
    return stream


def test_a_log_line_holds_listed_fields_and_plain_words_alone(said: io.StringIO) -> None:
    say("event", status=200, prompt=MARKER, seed=7, code=f"a {MARKER}", state="done", kind=None)
    line = json.loads(said.getvalue())
    assert set(line) == {"time", "level", "event", "status", "state"}
    assert not FIELDS & {"prompt", "prompts", "seed", "latents", "negatives", "text", "id"}


def test_what_a_library_says_is_who_said_it(said: io.StringIO) -> None:
    try:
        raise ValueError(MARKER)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it failed on %s", MARKER)
    line = json.loads(said.getvalue())
    assert (line["event"], line["logger"], line["kind"]) == (
        "library",
        "uvicorn.error",
        "ValueError",
    )
    assert MARKER not in said.getvalue()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/generations", "/v1/generations"),
        (f"/v1/generations/{MARKER}", "/v1/generations/{job_id}"),
        (f"/v1/generations/{MARKER}/latents", "/v1/generations/{job_id}/latents"),
        (f"/v1/generations/{MARKER}/{MARKER}", "other"),
        (f"/{MARKER}", "other"),
    ],
)
def test_a_path_is_told_as_an_endpoint(path: str, name: str) -> None:
    assert route(path) == name

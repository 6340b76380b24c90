"""Nothing that the server writes holds a word of a prompt, a seed or a latent."""

from __future__ import annotations

import logging

import pytest

from obclip.cloud.engine import Engine
from obclip.protocol.codec import canonical
from tests.conftest import running
from tests.server.conftest import until
from tests.wire import FIELDS, HTTP, MARKER, body

SEED = 4_718_281_828_459_045


def say_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "fastapi", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)


def test_no_log_and_no_error_body_holds_what_was_sent(
    tiny_pair: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    say_everything(monkeypatch)
    secrets = {"prompts": [f"a {MARKER} woman", f"a {MARKER} man"], "seed": SEED}
    said: list[str] = []
    with running(tiny_pair) as address:
        url = f"{address}/v1/generations"
        good = HTTP.post(url, content=body(model=tiny_pair, **secrets))
        job = f"{url}/{good.json()['id']}"
        said += [good.text, HTTP.get(f"{job}/progress", timeout=30).text]
        latents = HTTP.get(f"{job}/latents").content
        for bad in (
            canonical({**FIELDS, **secrets, "model": tiny_pair, "split": 99}),
            canonical({**FIELDS, **secrets, "model": MARKER}),
            canonical({**FIELDS, **secrets, MARKER: SEED}),
            canonical({**FIELDS, **secrets, "seed": SEED * 10**6}),
            canonical({**FIELDS, **secrets})[:-2],
            MARKER.encode() * 200_000,
        ):
            answer = HTTP.post(url, content=bad)
            assert answer.status_code >= 400
            said.append(answer.text)

        def breaks(*_: object, **__: object) -> None:
            raise RuntimeError(f"cannot make {MARKER} of {SEED}")

        monkeypatch.setattr(Engine, "check", breaks)  # on the way in
        answer = HTTP.post(url, content=body(model=tiny_pair, **secrets))
        assert answer.status_code == 500
        said.append(answer.text)
        monkeypatch.undo()
        monkeypatch.setattr(Engine, "run", breaks)  # in the worker
        answer = HTTP.post(url, content=body(model=tiny_pair, **{**secrets, "seed": SEED + 1}))
        job = f"{url}/{answer.json()['id']}/latents"
        until(lambda: HTTP.get(job).json()["code"] == "engine_failed")
        said.append(HTTP.get(job).text)
    captured = capfd.readouterr()
    logged = [
        f"{r.getMessage()} {r.exc_info} {r.exc_text}"
        for r in caplog.records
        if not r.name.startswith("httpcore")  # the client of this very test
    ]
    for text in (captured.out, captured.err, *said, *logged):
        assert MARKER not in text
        assert str(SEED) not in text
    assert repr(latents[200:208])[2:-1] not in "".join([*said, *logged])
    assert '"code":"internal"' in said[-2]

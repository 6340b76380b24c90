"""Nothing that the server writes holds a word of a prompt, a seed or a latent."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from obclip.cloud.engine import Engine
from obclip.protocol.codec import canonical, request_id
from obclip.server.accounts import Accounts
from obclip.server.logs import Lines
from tests.conftest import running
from tests.server.conftest import until
from tests.wire import FIELDS, HTTP, MARKER, body

SEED = 4_718_281_828_459_045


def say_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "fastapi", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)


def test_no_log_metric_error_body_or_file_holds_what_was_sent(
    tiny_pair: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    say_everything(monkeypatch)
    secrets = {"prompts": [f"a {MARKER} woman", f"a {MARKER} man"], "seed": SEED}
    said: list[str] = []
    database = tmp_path / "keys.db"
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(Lines())  # what `obclip serve` writes, at its most talkative
    monkeypatch.setattr(logging.getLogger(), "handlers", [*logging.getLogger().handlers, handler])
    monkeypatch.setattr(logging.getLogger("obclip.server"), "level", logging.DEBUG)
    logging.getLogger("obclip.server").manager._clear_cache()  # type: ignore[attr-defined]
    accounts = Accounts(database)
    monkeypatch.setitem(HTTP.headers, "authorization", f"Bearer {accounts.add('ann')}")
    accounts.close()
    with running(tiny_pair, database=database) as address:
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
        answer = HTTP.post(url, content=body(model=tiny_pair, split=2, **secrets))
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal"
        said.append(answer.text)
        monkeypatch.setattr(Engine, "check", lambda *_: None)
        monkeypatch.setattr(Engine, "run", breaks)  # in the worker
        answer = HTTP.post(url, content=body(model=tiny_pair, **{**secrets, "seed": SEED + 1}))
        job = f"{url}/{answer.json()['id']}/latents"
        until(lambda: HTTP.get(job).json()["code"] == "engine_failed")
        said.append(HTTP.get(job).text)
        said.append(HTTP.get(f"{address}/metrics").text)
        said.append(HTTP.get(f"{address}/openapi.json").text)
        kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert 'obclip_refusals_total{code="bad_split"}' in said[-2]
    assert {"keys.db", "keys.db-wal"} <= set(kept)
    first = body(model=tiny_pair, **secrets)
    for content in (MARKER.encode(), str(SEED).encode(), latents[200:208], SEED.to_bytes(7, "big"),
                    request_id(first).encode(), bytes.fromhex(request_id(first))):  # fmt: skip
        assert not [name for name, held in kept.items() if content in held]
    assert '"event": "accepted"' in lines.getvalue()
    assert '"route": "/v1/generations"' in lines.getvalue()
    captured = capfd.readouterr()
    logged = [
        f"{r.getMessage()} {r.exc_info} {r.exc_text}"
        for r in caplog.records
        if not r.name.startswith(("httpcore", "httpx"))  # the client of this very test
    ]
    for text in (captured.out, captured.err, lines.getvalue(), *said, *logged):
        assert MARKER not in text
        assert str(SEED) not in text
        assert request_id(first)[:8] not in text.replace(good.text, "")
    assert repr(latents[200:208])[2:-1] not in "".join([*said, *logged])

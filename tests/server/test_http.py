"""The wire contract over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from obclip.errors import ServerError
from obclip.protocol import limits
from obclip.protocol.codec import canonical, decode, decode_latents, request_id
from obclip.protocol.messages import Accepted, ErrorBody, Progress, ServerInfo
from tests.server.conftest import Gate, until
from tests.wire import FIELDS, HTTP, MARKER, body


def lines(address: str, job: str) -> list[Progress]:
    text = HTTP.get(f"{address}/v1/generations/{job}/progress").content
    return [decode(line, Progress, 512) for line in text.splitlines()]


def submit(address: str, data: bytes) -> httpx.Response:
    return HTTP.post(f"{address}/v1/generations", content=data)


def test_it_is_alive(cloud: str) -> None:
    assert HTTP.get(f"{cloud}/v1/health").json() == {"status": "ok"}


def test_it_tells_what_a_device_needs_to_be_its_pair(cloud: str, tiny_pair: str) -> None:
    info = decode(HTTP.get(f"{cloud}/v1/models").content, ServerInfo, limits.MAX_INFO_BYTES)
    (model,) = info.models
    assert (info.version, model.name) == (limits.VERSION, tiny_pair)
    assert (model.latent_channels, model.latent_factor, model.height, model.width) == (4, 8, 64, 64)
    assert "exact" in model.plans


def test_a_set_becomes_latents(cloud: str, tiny_pair: str) -> None:
    data = body(model=tiny_pair)
    answer = submit(cloud, data)
    accepted = decode(answer.content, Accepted, 1000)
    assert (answer.status_code, accepted.id) == (202, request_id(data))
    assert accepted.ratio == pytest.approx(2 * 3 / 8)
    told = lines(cloud, accepted.id)
    assert told[-1] == Progress(state="done", step=3, steps=3)
    latents = decode_latents(
        HTTP.get(f"{cloud}/v1/generations/{accepted.id}/latents").content, (1, 2, 4, 8, 8)
    )
    assert latents.std() > 0.1


def test_equal_bytes_are_one_job_and_one_answer(held: str, gate: Gate, tiny_pair: str) -> None:
    data = body(model=tiny_pair)
    first, again = submit(held, data), submit(held, data)
    assert first.json()["id"] == again.json()["id"]
    assert submit(held, body(model=tiny_pair, seed=8)).status_code == 202  # two places, two jobs
    gate.open.set()
    url = f"{held}/v1/generations/{first.json()['id']}/latents"
    until(lambda: HTTP.get(url).status_code == 200)
    assert HTTP.get(url).content == HTTP.get(url).content
    assert submit(held, data).json()["state"] == "done"


def test_a_full_queue_says_when_to_come_back(held: str, tiny_pair: str) -> None:
    for seed in (1, 2):
        assert submit(held, body(model=tiny_pair, seed=seed)).status_code == 202
    refused = submit(held, body(model=tiny_pair, seed=3))
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert submit(held, body(model=tiny_pair, seed=1)).status_code == 202  # a retry needs no place


def test_progress_shows_every_state_in_order(held: str, gate: Gate, tiny_pair: str) -> None:
    job = submit(held, body(model=tiny_pair)).json()["id"]
    with HTTP.stream("GET", f"{held}/v1/generations/{job}/progress") as response:
        states = []
        for line in response.iter_lines():
            states.append(json.loads(line)["state"])
            gate.open.set()
    assert states[-1] == "done"
    assert sorted(states, key=["queued", "running", "done"].index) == states


def test_a_cancelled_job_stops_and_is_gone(held: str, tiny_pair: str) -> None:
    running_job, waiting = (
        submit(held, body(model=tiny_pair, seed=seed)).json()["id"] for seed in (1, 2)
    )
    for job in (running_job, waiting):
        url = f"{held}/v1/generations/{job}"
        assert HTTP.delete(url).status_code == 204
        assert HTTP.delete(url).status_code == 404
        assert HTTP.get(f"{url}/latents").status_code == 404
    # the gate was never opened: the worker is free because the run was stopped
    third = submit(held, body(model=tiny_pair, seed=3)).json()["id"]
    with HTTP.stream("GET", f"{held}/v1/generations/{third}/progress") as response:
        assert any(json.loads(line)["state"] == "running" for line in response.iter_lines())


def test_latents_that_are_not_ready_are_refused(held: str, tiny_pair: str) -> None:
    job = submit(held, body(model=tiny_pair)).json()["id"]
    answer = HTTP.get(f"{held}/v1/generations/{job}/latents")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"version": 9}, 400, "bad_version"),
        ({"model": MARKER}, 400, "unknown_model"),
        ({"plan": MARKER}, 400, "unknown_plan"),
        ({"scheduler": MARKER}, 400, "bad_scheduler"),
        ({"steps": 0}, 400, "bad_steps"),
        ({"split": 9}, 400, "bad_split"),
        ({"guidance": 99.0}, 400, "bad_guidance"),
        ({"height": 72}, 400, "bad_height"),
        ({"height": 1}, 400, "bad_height"),
        ({"width": 9999}, 400, "bad_width"),
        ({"height": 2048, "width": 2048}, 400, "bad_size"),
        ({"images": 99}, 400, "bad_images"),
        ({"seed": 2**64 + 99}, 400, "bad_seed"),
        ({"prompts": []}, 400, "bad_n"),
        ({"prompts": [MARKER, MARKER]}, 400, "bad_prompts"),
        ({"prompts": [MARKER * 1000]}, 400, "bad_prompts"),
        ({"prompts": [MARKER * 200_000]}, 413, "too_large"),
        ({"negatives": [MARKER]}, 400, "bad_negatives"),
        ({"table_version": 7}, 400, "bad_request"),
        ({MARKER: 1}, 400, "bad_request"),
    ],
)
def test_every_bad_field_is_named_and_nothing_is_repeated(
    cloud: str, tiny_pair: str, change: dict[str, Any], status: int, code: str
) -> None:
    sent = {**FIELDS, "model": tiny_pair, "prompts": [MARKER, "x"], **change}
    answer = submit(cloud, canonical(sent))
    told = decode(answer.content, ErrorBody, limits.MAX_ERROR_BYTES)
    assert (answer.status_code, told.code) == (status, code)
    assert told.message
    assert told.expected
    assert MARKER.encode() not in answer.content
    assert b"Traceback" not in answer.content
    assert str(2**64 + 99).encode() not in answer.content


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/generations/0/progress"),
        ("GET", "/v1/generations/0/latents"),
        ("DELETE", "/v1/generations/0"),
        ("GET", f"/{MARKER}"),
        ("GET", "/v2/models"),
        ("GET", "/docs"),
        ("GET", "/v1/models/"),
    ],
)
def test_what_is_not_there_is_refused_in_the_same_form(cloud: str, method: str, path: str) -> None:
    answer = HTTP.request(method, cloud + path)
    told = decode(answer.content, ErrorBody, limits.MAX_ERROR_BYTES)
    assert (answer.status_code, told.code) == (404, "not_found")
    assert MARKER.encode() not in answer.content


def test_a_method_that_is_not_there_is_told_what_is(cloud: str) -> None:
    answer = HTTP.put(f"{cloud}/v1/generations")
    assert (answer.status_code, answer.json()["code"]) == (405, "bad_method")
    assert answer.headers["allow"] == answer.json()["expected"] == "POST"


@pytest.mark.parametrize("error", [RuntimeError(MARKER), ServerError("no", code="engine_failed")])
def test_a_failed_run_is_told_by_its_type(
    held: str, gate: Gate, tiny_pair: str, error: Exception
) -> None:
    gate.fail = error
    gate.open.set()
    job = submit(held, body(model=tiny_pair)).json()["id"]
    assert lines(held, job)[-1].state == "failed"
    answer = HTTP.get(f"{held}/v1/generations/{job}/latents")
    assert (answer.status_code, answer.json()["code"]) == (500, "engine_failed")
    assert MARKER not in answer.text
    gate.fail = None  # the worker lives on, and a failed job may be tried again
    assert submit(held, body(model=tiny_pair)).status_code == 202
    assert lines(held, job)[-1].state == "done"

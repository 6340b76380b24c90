"""A cloud that was distilled to few steps of its own, from the command line to the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
import torch
from PIL import Image

from obclip.client.device import Device
from obclip.client.download import Report, download
from obclip.client.generate import drawn_by_the_cloud, generate
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import NAMED, make_plan
from obclip.diffusion.compatibility import read_facts, unsaid
from obclip.diffusion.decode import decode
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Steps, find
from obclip.errors import ModelError, RequestError
from obclip.privacy import Expansion, PrivacySettings, expand
from obclip.protocol.codec import decode_request
from obclip.protocol.messages import GenerateRequest, ServerInfo
from obclip.server.budget import Footprint
from obclip.server.embedded import engine_of
from obclip.server.settings import Settings
from tests.client.fakes import Answer, between

PROMPT = "a portrait of a woman doctor"


@pytest.fixture
def expansion() -> Expansion:
    return expand(PROMPT, PrivacySettings(protect=("gender",)))


def test_the_picture_is_the_two_models_own(
    distilled_pair: str, distilled_cloud: str, expansion: Expansion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 of 8 LCM steps without an unconditional pass, then the device from its 12th of 25."""
    begun: list[int] = []
    honest = Device.finish

    def finish(self: Device, *given: Any, **more: Any) -> Any:
        begun.append(given[4])
        return honest(self, *given, **more)

    monkeypatch.setattr(Device, "finish", finish)
    with between(distilled_cloud) as fake:
        result = generate(expansion, Public(distilled_pair), lambda: fake.address, seed=7)
        (post,) = [r for r in fake.received if r.startswith(b"POST")]
    sent = decode_request(post[post.index(b"{") :])
    assert (sent.scheduler, sent.steps, sent.split, sent.guidance) == ("lcm", 8, 4, 1.0)
    assert begun == [12]
    assert (result.sampling.scheduler, result.sampling.steps) == ("dpm++", 25)
    assert result.sampling.guidance == 7.5
    assert result.report.steps == (4, 8)
    assert result.report.ratio == pytest.approx(2 * 4 / 8)  # of its own 8 steps, all conditional

    known, prompts = find(distilled_pair), list(expansion.candidates.prompts)
    engine, device = Engine(load(known.cloud, vae=False)), Device(load(known.device))
    handed = engine.run(Job(prompts, (), "lcm", 1.0, 64, 64, 1, 7), make_plan("exact", 2, 8, 4))[0]
    mine = handed[[expansion.choice.reveal()]].half().float()
    done = device.finish_latents(
        mine, [prompts[expansion.choice.reveal()]], [], result.sampling, 12
    )
    (expected,) = decode(device.parts, done)
    far = [
        abs(a - b) for a, b in zip(result.pictures[0].tobytes(), expected.tobytes(), strict=True)
    ]
    assert max(far) <= 2


def differences(a: Image.Image, b: Image.Image) -> list[int]:
    return [abs(x - y) for x, y in zip(a.tobytes(), b.tobytes(), strict=True)]


def test_what_the_cloud_could_draw_is_drawn_in_its_own_steps(
    distilled_pair: str, distilled_cloud: str, expansion: Expansion
) -> None:
    known = find(distilled_pair)
    answer = download(
        expansion.candidates, Public(distilled_pair), read_facts(known.device),
        Connection(distilled_cloud), seed=7, report=Report(),
    )  # fmt: skip
    model = Device(load(known.cloud))
    shown = drawn_by_the_cloud(expansion.candidates, answer, model)
    job = Job(list(expansion.candidates.prompts), (), "lcm", 1.0, 64, 64, 1, 7)
    whole = Engine(model.parts).run(job, make_plan("exact", 2, 8, 8))[0]
    for mine, one in zip(shown, decode(model.parts, whole), strict=True):
        far = differences(mine, one)
        assert sum(far) / len(far) < 1  # the wire's half precision is between them


@pytest.mark.parametrize("plan", NAMED)
def test_every_choice_gives_one_transcript(
    distilled_pair: str, distilled_cloud: str, plan: str
) -> None:
    public, facts = Public(distilled_pair, plan=plan), read_facts(find(distilled_pair).device)
    transcripts = set()
    for word in ("woman", "man"):
        mine = expand(PROMPT.replace("woman", word), PrivacySettings(protect=("gender",)))
        with between(distilled_cloud) as fake:
            download(
                mine.candidates, public, facts, Connection(fake.address), seed=7, report=Report()
            )
            port = fake.address.rpartition(":")[2].encode()
            transcripts.add(tuple(r.replace(port, b"PORT") for r in fake.received))
    assert len(transcripts) == 1


def test_a_cloud_that_steps_otherwise_is_no_pair(
    distilled_pair: str, distilled_cloud: str, expansion: Expansion
) -> None:
    def other(_: str, path: str, answer: Answer) -> Answer:
        if path.endswith("models"):
            info = msgspec.json.decode(answer.body, type=ServerInfo)
            (model,) = info.models
            assert model.cloud_steps is not None
            steps = msgspec.structs.replace(model.cloud_steps, split=1)
            model = msgspec.structs.replace(model, cloud_steps=steps)
            answer.body = msgspec.json.encode(msgspec.structs.replace(info, models=(model,)))
        return answer

    facts = read_facts(find(distilled_pair).device)
    with between(distilled_cloud, other) as fake:
        with pytest.raises(ModelError) as error:
            download(
                expansion.candidates, Public(distilled_pair), facts, Connection(fake.address),
                seed=7, report=Report(),
            )  # fmt: skip
        assert "generations" not in fake.paths()  # no prompt has left
    assert error.value.code == "not_a_pair"
    assert "1 of 8 lcm steps" in str(error.value) and "4 of 8 lcm steps" in str(error.value)


def asked_for(pair: str) -> GenerateRequest:
    return GenerateRequest(
        version=1, model=pair, plan="exact", scheduler="lcm", steps=8, split=4, guidance=1.0,
        height=64, width=64, images=1, seed=1, prompts=("a woman", "a man"), table_version="1",
    )  # fmt: skip


def asked(address: str, **values: object) -> dict[str, str]:
    """What a server says of a request of two candidates."""
    body = {
        "version": 1, "plan": "exact", "scheduler": "lcm", "steps": 8, "split": 4,
        "guidance": 1.0, "height": 64, "width": 64, "images": 1, "seed": 1,
        "prompts": ["a woman", "a man"], "table_version": "1", **values,
    }  # fmt: skip
    data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{address}/v1/generations", content=data, headers=headers)
    return {**answer.json(), "status": str(answer.status_code)}


@pytest.mark.parametrize(
    ("field", "value", "code", "allowed"),
    [
        ("scheduler", "dpm++", "bad_scheduler", "lcm"),
        ("steps", 25, "bad_steps", "8"),
        ("guidance", 7.5, "bad_guidance", "0 to 1"),
    ],
)
def test_the_server_refuses_what_the_model_was_not_made_for(
    distilled_pair: str, distilled_cloud: str, field: str, value: object, code: str, allowed: str
) -> None:
    found = asked(distilled_cloud, model=distilled_pair, **{field: value})
    assert (found["code"], found["status"][0]) == (code, "4")
    assert allowed in found["expected"]


def test_an_ordinary_cloud_refuses_the_steps_of_a_distilled_one(tiny_pair: str, cloud: str) -> None:
    found = asked(cloud, model=tiny_pair)
    assert (found["code"], found["expected"]) == ("bad_scheduler", "dpm++ or ddim")


def test_a_name_may_say_how_its_cloud_steps() -> None:
    found = find("clouds/x@lcm=6/2@guidance=3.5@lora=a.safetensors*0.5,devices/y")
    assert found.cloud_steps == Steps("lcm", 6, 2)
    assert (found.cloud.location, found.cloud.guidance) == ("clouds/x", 3.5)
    assert found.cloud.loras == (("a.safetensors", 0.5),)
    assert found.device.guidance is None


@pytest.mark.parametrize("steps", ["8", "8/", "/4", "4/8", "0/0", "99/4", "8/-1", "a/b", "8/4/2"])
def test_steps_that_are_none_are_refused(steps: str) -> None:
    with pytest.raises(ModelError) as error:
        find(f"x@lcm={steps},y")
    assert f"@lcm={steps}" in str(error.value) and "SPLIT <= STEPS <= 50" in str(error.value)


@pytest.mark.parametrize("weight", ["nan", "inf", "x"])
def test_a_guidance_weight_is_a_number(weight: str) -> None:
    with pytest.raises(ModelError) as error:
        find(f"x@guidance={weight},y")
    assert (error.value.code, error.value.got) == ("bad_source", weight)


def alike(a: torch.Tensor, b: torch.Tensor) -> float:
    """Correlation of two sets of latents."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_the_noise_between_steps_is_the_requests_own(distilled_pair: str) -> None:
    """One for all candidates, another for each picture and each seed, the same every time."""
    engine = Engine(load(find(distilled_pair).cloud, vae=False))
    job, plan = Job(["a woman", "a man"], (), "lcm", 1.0, 64, 64, 2, 7), make_plan("exact", 2, 8, 4)
    first = engine.run(job, plan)
    torch.randn(3)  # the process's own generator decides nothing
    assert torch.equal(first, engine.run(job, plan))
    assert alike(first[0, 0], first[0, 1]) > 0.9  # candidates differ by what the words change
    assert abs(alike(first[0, 0], first[1, 0])) < 0.5
    assert abs(alike(first[0], engine.run(replace(job, seed=8), plan)[0])) < 0.5
    alone = engine.run(replace(job, images=1), plan)
    torch.testing.assert_close(alone[0], first[0], rtol=1e-4, atol=1e-4)


def test_a_split_that_is_not_used_is_not_checked(distilled_pair: str) -> None:
    Public(distilled_pair, steps=3, split=10).check()
    with pytest.raises(RequestError):
        Public(steps=3, split=10).check()


@pytest.mark.parametrize("weight", ["0", "-4"])
def test_a_guidance_weight_is_one_or_more(weight: str) -> None:
    with pytest.raises(ModelError):
        find(f"x@guidance={weight},y")


def test_what_a_distilled_cloud_needs_is_asked_for(distilled_pair: str, tiny_pair: str) -> None:
    cloud, device = distilled_pair.split(",")
    folder = cloud.partition("@")[0]
    for said, code, missing in (
        (folder, "no_guidance", ("@guidance=8", "@lcm=8/4")),
        (f"{folder}@guidance=8", "no_steps", ("@lcm=8/4",)),
    ):
        known = find(f"{said},{device}")
        assert all(m in text for m, text in zip(missing, unsaid(known, True), strict=True))
        with pytest.raises(ModelError) as error:
            engine_of(Settings(pair=known.name))
        assert error.value.code == code
    ordinary = tiny_pair.replace(",", "@guidance=3,")
    assert len(unsaid(find(ordinary), False)) == 1
    with pytest.raises(ModelError) as error:
        engine_of(Settings(pair=ordinary))
    assert "--guidance" in str(error.value)
    assert unsaid(find(distilled_pair), True) == unsaid(find(tiny_pair), False) == ()


def test_the_servers_memory_is_not_charged_for_passes_that_are_not_made(
    distilled_pair: str,
) -> None:
    engine, _ = engine_of(Settings(pair=distilled_pair))
    footprint = Footprint(engine)
    plan, made = make_plan("exact", 2, 8, 4), asked_for(distilled_pair)
    guided = msgspec.structs.replace(made, guidance=7.5)
    assert footprint.held(made, plan) < 0.8 * footprint.held(guided, plan)

"""The baselines are what they claim: ``cloud-only`` is diffusers' own pipeline, to the number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from obclip.client.device import Device, Sampling
from obclip.cloud.engine import Engine
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Source
from obclip.errors import RequestError
from obclip.evaluation.methods import METHODS, Prompts, Setting, latents
from tests.tiny import write

SET = Prompts(("a photo of a woman", "a photo of a man", "a photo of a person"), 1)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("methods")
    xl = request.param == "sdxl"
    cloud = write(folder / "cloud", xl=xl)
    device = write(folder / "device", widths=(32, 32), seed=1, xl=xl)
    engine = Engine(load(Source(str(cloud))))
    return cloud, engine, Device(load(Source(str(device))))


def setting(scheduler: str, guidance: float = 5.0, split: int = 3) -> Setting:
    return Setting(Sampling(scheduler, 8, guidance, 64, 64), split)


def by_diffusers(folder: Path, engine: Engine, scheduler: str, guidance: float) -> torch.Tensor:
    """The pipeline that anyone would write, on the same weights."""
    import diffusers

    parts = engine.parts
    modules: dict[str, Any] = {
        "vae": parts.vae, "unet": parts.unet, "text_encoder": parts.text_encoders[0],
        "tokenizer": parts.tokenizers[0],
        "scheduler": diffusers.PNDMScheduler.from_pretrained(folder / "scheduler"),
    }  # fmt: skip
    if len(parts.text_encoders) == 2:
        modules |= {"text_encoder_2": parts.text_encoders[1], "tokenizer_2": parts.tokenizers[1]}
        pipe = diffusers.StableDiffusionXLPipeline(**modules, add_watermarker=False)
    else:
        pipe = diffusers.StableDiffusionPipeline(
            **modules, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    config = pipe.scheduler.config
    if scheduler == "ddim":
        pipe.scheduler = diffusers.DDIMScheduler.from_config(config)
    else:
        pipe.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(
            config, algorithm_type="dpmsolver++", solver_order=2
        )
    pipe.set_progress_bar_config(disable=True)
    found: torch.Tensor = pipe(
        SET.own, height=64, width=64, num_inference_steps=8, guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(42), output_type="latent",
    ).images  # fmt: skip
    return found


@pytest.mark.parametrize(("scheduler", "guidance"), [("ddim", 5.0), ("dpm++", 5.0), ("dpm++", 1.0)])
def test_cloud_only_is_the_diffusers_pipeline(pair: Any, scheduler: str, guidance: float) -> None:
    folder, engine, device = pair
    ours = latents("cloud-only", SET, setting(scheduler, guidance), engine, device, 42)
    torch.testing.assert_close(ours, by_diffusers(folder, engine, scheduler, guidance), **TOLERANCE)


@pytest.mark.parametrize("scheduler", ["ddim", "dpm++"])
def test_hybrid_is_exact_oblivious_for_the_chosen_candidate(
    pair: Any, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # in single precision: where the wire rounds to half, a last bit may fall to either side
    monkeypatch.setattr(torch.Tensor, "half", torch.Tensor.float)
    _, engine, device = pair
    for index in range(3):
        chosen = Prompts(SET.candidates, index)
        alone, hidden = (
            latents(method, chosen, setting(scheduler), engine, device, 42)
            for method in ("hybrid", "oblivious")
        )
        torch.testing.assert_close(hidden, alone, **TOLERANCE)


def test_the_wires_half_precision_costs_less_than_a_thousandth(
    pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, engine, device = pair
    rounded = latents("oblivious", SET, setting("dpm++"), engine, device, 42)
    monkeypatch.setattr(torch.Tensor, "half", torch.Tensor.float)
    whole = latents("oblivious", SET, setting("dpm++"), engine, device, 42)
    assert float((rounded - whole).norm() / whole.norm()) < 1e-3


def test_vanilla_is_cloud_only_for_the_chosen_candidate(pair: Any) -> None:
    _, engine, device = pair
    alone, among = (
        latents(m, SET, setting("ddim"), engine, device, 42) for m in ("cloud-only", "vanilla")
    )
    torch.testing.assert_close(among, alone, **TOLERANCE)


def test_a_plan_branches_where_the_sizes_say(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, engine, device = pair
    seen = []
    run = Engine.run
    monkeypatch.setattr(
        Engine, "run", lambda self, job, plan: seen.append(plan) or run(self, job, plan)
    )  # type: ignore[func-returns-value]
    twelve = Prompts([f"{a} {b}" for a in ("woman", "man") for b in "uvwxyz"], 1, (2, 6))
    chosen = replace(setting("dpm++", split=5), plan="balanced")
    for told in (twelve, replace(twelve, sizes=())):
        latents("oblivious", told, chosen, engine, device, 42)
    nodes = [{len(step.nodes) for step in plan.program} for plan in seen]
    main_effects = 2 + 6  # a node for each value
    assert (main_effects in nodes[0], main_effects in nodes[1]) == (True, False)


def test_a_split_of_all_steps_is_vanilla_and_of_none_is_device_only(pair: Any) -> None:
    _, engine, device = pair
    all_steps = latents("oblivious", SET, setting("ddim", split=8), engine, device, 42)
    torch.testing.assert_close(
        all_steps, latents("vanilla", SET, setting("ddim"), engine, device, 42), **TOLERANCE
    )
    none = latents("oblivious", SET, setting("ddim", split=0), engine, device, 42)
    # the wire's half precision is all that differs
    torch.testing.assert_close(
        none, latents("device-only", SET, setting("ddim"), engine, device, 42), rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize("method", METHODS)
def test_equal_inputs_give_equal_bytes(pair: Any, method: str) -> None:
    _, engine, device = pair
    first, again = (
        latents(method, SET, setting("dpm++"), engine, device, 5).numpy().tobytes() for _ in "ab"
    )
    assert first == again
    assert first != latents(method, SET, setting("dpm++"), engine, device, 6).numpy().tobytes()


def test_an_unknown_method_is_told(pair: Any) -> None:
    _, engine, device = pair
    with pytest.raises(RequestError, match="unknown method"):
        latents("magic", SET, setting("ddim"), engine, device, 1)

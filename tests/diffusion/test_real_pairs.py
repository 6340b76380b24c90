"""The known real pairs: their numbers, and every way their weights may come, offline."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from obclip.diffusion.architectures import KNOWN, unet_of
from obclip.diffusion.compatibility import problems, read_facts
from obclip.diffusion.denoiser import UNetDenoiser
from obclip.diffusion.handover import start_of
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import PAIRS, Source, find
from obclip.diffusion.sampling import make_scheduler
from obclip.diffusion.unloaded import SCHEDULE, random_parts
from obclip.errors import ModelError
from tests.tiny import write

REAL = [name for name in PAIRS if name != "mini"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("base") / "sd")


def parameters(config: dict[str, Any]) -> float:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
    return sum(p.numel() for p in unet.parameters()) / 1e6


def test_the_registry_states_the_parameters_of_the_exact_architectures() -> None:
    counted = {location: parameters(config) for location, (config, _, _) in KNOWN.items()}
    for name in REAL:
        pair = PAIRS[name]
        assert pair.parameters is not None
        assert pair.parameters[0] == pytest.approx(counted[pair.cloud.location], abs=0.01)
        assert pair.parameters[1] == pytest.approx(counted[pair.device.location], abs=0.01)


@pytest.mark.parametrize("name", REAL)
def test_a_real_pair_has_a_licence_memory_and_two_architectures(name: str) -> None:
    pair = PAIRS[name]
    assert pair.cloud.licence and pair.device.licence
    cloud, device = pair.memory() or (0, 0)
    assert cloud > device > 0.5
    assert unet_of(pair.cloud)[0] != unet_of(pair.device)[0]


def test_the_papers_timestep_shift_is_the_nearest_timestep() -> None:
    lcm = make_scheduler("lcm", SCHEDULE, 8).timesteps.tolist()
    device = make_scheduler("dpm++", SCHEDULE, 25).timesteps.tolist()
    steps = PAIRS["lcm-sdxl+koala-700m"].cloud_steps
    assert steps is not None
    assert start_of(lcm, steps.split, device) == steps.split + 8
    assert start_of(lcm, 0, device) == 0
    assert start_of(lcm, 8, device) == 25
    assert start_of(device, 10, device) == 10


def test_lcm_steps_are_the_same_for_all_candidates_and_every_time() -> None:
    torch.manual_seed(0)
    one = torch.randn(1, 4, 8, 8)
    ends = []
    for _ in range(2):
        scheduler = make_scheduler("lcm", SCHEDULE, 4)
        latents = one.repeat(3, 1, 1, 1)
        for t in scheduler.timesteps:
            latents = scheduler.step(latents * 0.5, t, latents, return_dict=False)[0]
        assert torch.equal(latents[0], latents[2])
        ends.append(latents)
    assert torch.equal(*ends)
    assert torch.isfinite(ends[0]).all()


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 8, 25, 50])
def test_a_plan_knows_where_lcm_steps(steps: int) -> None:
    from obclip.cloud.schedule import SD, log_snr, stepped

    scheduler = make_scheduler("lcm", SCHEDULE, steps)
    bars = scheduler.alphas_cumprod[scheduler.timesteps].double()
    found = log_snr(stepped(SD, "lcm"), steps)
    assert found == pytest.approx((bars / (1 - bars)).log().tolist(), rel=1e-4)
    assert stepped(SD, "dpm++") == SD


def test_a_folded_guidance_weight_is_the_networks_own_input(tmp_path: Path) -> None:
    from diffusers import LatentConsistencyModelPipeline as Lcm

    folder = write(tmp_path / "lcm", xl=True, time_cond=16)
    with pytest.raises(ModelError) as error:  # a weight that it would never see
        load(Source(str(folder)))
    assert error.value.code == "no_guidance" and "@guidance=8" in str(error.value)
    folded = load(Source(str(folder), guidance=8.0))
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    plain = replace(folded, unet=unet)
    cond = UNetDenoiser(plain).encode(["a woman"], 64, 64)
    x = torch.randn(1, 4, 8, 8)
    w = Lcm.get_guidance_scale_embedding(None, torch.tensor([7.0]), 16)
    with torch.inference_mode():
        told = plain.unet(
            x, 500, cond.states, timestep_cond=w, return_dict=False,
            added_cond_kwargs={"text_embeds": cond.pooled, "time_ids": cond.time_ids},
        )[0]  # fmt: skip
    torch.testing.assert_close(UNetDenoiser(folded).predict(x, 500, cond), told)
    assert not torch.allclose(UNetDenoiser(plain).predict(x, 500, cond), told, atol=1e-5)


def test_a_bare_unet_takes_the_rest_from_its_base(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other", seed=5)
    bare = Path(shutil.copytree(other / "unet", tmp_path / "bare"))
    parts = load(Source(str(bare), base=str(folder)))
    assert torch.equal(parts.unet.conv_in.weight, load(Source(str(other))).unet.conv_in.weight)
    assert problems(read_facts(Source(str(bare), base=str(folder))), read_facts(find(
        f"{folder},{folder}").cloud)) == ()  # fmt: skip
    with pytest.raises(ModelError) as error:
        load(Source(str(bare)))
    assert error.value.code == "no_base"


LDM = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip


def as_single_file(folder: Path, file: Path) -> Path:
    """UNet and text encoder of a tiny folder under the names of the original checkpoints."""
    parts = load(Source(str(folder)))
    heads = {
        "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2",
        "down_blocks.0.resnets.0": "input_blocks.1.0",
        "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
        "down_blocks.1.resnets.0": "input_blocks.3.0",
        "down_blocks.1.attentions.0": "input_blocks.3.1",
        "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
        "up_blocks.0.resnets.0": "output_blocks.0.0",
        "up_blocks.0.attentions.0": "output_blocks.0.1",
        "up_blocks.0.resnets.1": "output_blocks.1.0",
        "up_blocks.0.attentions.1": "output_blocks.1.1",
        "up_blocks.0.upsamplers.0": "output_blocks.1.2",
        "up_blocks.1.resnets.0": "output_blocks.2.0", "up_blocks.1.resnets.1": "output_blocks.3.0",
    }  # fmt: skip
    out = {}
    for key, value in parts.unet.state_dict().items():
        (head,) = [h for h in heads if key.startswith(h + ".")]
        rest = key.removeprefix(head + ".")
        if ".resnets." in head:
            inner, _, leaf = rest.partition(".")
            rest = f"{LDM[inner]}.{leaf}"
        out[f"model.diffusion_model.{heads[head]}.{rest}"] = value.contiguous()
    text = parts.text_encoders[0]
    for key, value in text.state_dict().items():
        bare = key.removeprefix("text_model.")
        out[f"cond_stage_model.transformer.text_model.{bare}"] = value.contiguous()
    save_file(out, file)
    return file


def test_a_single_file_gives_the_very_model(folder: Path, tmp_path: Path) -> None:
    file = as_single_file(folder, tmp_path / "model.safetensors")
    other = write(tmp_path / "other", seed=9)  # its weights must not show
    made, whole = load(find(f"{file}@base={other},{folder}").cloud), load(Source(str(folder)))
    for a, b in ((made.unet, whole.unet), (made.text_encoders[0], whole.text_encoders[0])):
        for name, value in b.state_dict().items():
            torch.testing.assert_close(a.state_dict()[name], value, msg=name)


def test_single_files_that_cannot_be_used_are_told(folder: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.safetensors"
    save_file({"x": torch.zeros(1)}, nothing)
    half = tmp_path / "half.safetensors"
    save_file({"model.diffusion_model.out.2.bias": torch.zeros(4)}, half)
    pickled = tmp_path / "model.ckpt"
    pickled.write_bytes(b"x")
    for file, code in (
        (nothing, "bad_model"), (half, "bad_model"), (pickled, "bad_model"),
        (tmp_path / "gone.safetensors", "no_model"),
    ):  # fmt: skip
        with pytest.raises(ModelError) as error:
            load(Source(str(file), base=str(folder)))
        assert error.value.code == code
    with pytest.raises(ModelError) as error:
        load(Source(str(nothing)))
    assert error.value.code == "no_base"


LAYER = "up_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.mark.parametrize("spelling", ["kohya", "peft"])
def test_a_lora_is_folded_into_the_cloud_model(folder: Path, tmp_path: Path, spelling: str) -> None:
    down, up = torch.randn(2, 32), torch.randn(64, 2)
    if spelling == "kohya":
        name = "lora_unet_up_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
        tensors = {
            f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up,
            f"{name}.alpha": torch.tensor(1.0),
        }  # fmt: skip
        scale = 0.5 * 1.0 / 2
    else:
        tensors = {f"unet.{LAYER}.lora_A.weight": down, f"unet.{LAYER}.lora_B.weight": up}
        scale = 0.5
    file = tmp_path / "style.safetensors"
    save_file(tensors, file)
    pair = find(f"{folder}@lora={file}*0.5,{folder}")
    changed, plain = load(pair.cloud), load(pair.device)
    a, b = (m.unet.get_submodule(LAYER).weight for m in (changed, plain))
    torch.testing.assert_close(a, b + scale * up @ down)
    assert torch.equal(changed.unet.conv_in.weight, plain.unet.conv_in.weight)


def test_a_lora_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    wrong = {
        "shape": {f"unet.{LAYER}.lora_A.weight": torch.zeros(2, 768),
                  f"unet.{LAYER}.lora_B.weight": torch.zeros(320, 2)},
        "layer": {"unet.no.such.lora_A.weight": torch.zeros(2, 2),
                  "unet.no.such.lora_B.weight": torch.zeros(2, 2)},
        "none": {"x": torch.zeros(1)},
        "dora": {f"unet.{LAYER}.lora_A.weight": torch.zeros(2, 32),
                 f"unet.{LAYER}.lora_B.weight": torch.zeros(64, 2),
                 f"unet.{LAYER}.dora_scale": torch.zeros(64, 1)},
    }  # fmt: skip
    for name, tensors in wrong.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
        with pytest.raises(ModelError) as error:
            load(Source(str(folder), loras=((str(tmp_path / f"{name}.safetensors"), 1.0),)))
        assert error.value.code == "bad_lora", name
    with pytest.raises(ModelError, match="no LoRA there"):
        load(Source(str(folder), loras=((str(tmp_path / "gone.safetensors"), 1.0),)))


@pytest.mark.parametrize("name", ["mini@lora=", "mini@hat=1", "a@lora=x*y,b"])
def test_an_option_that_does_not_exist_is_told(name: str) -> None:
    with pytest.raises(ModelError) as error:
        find(name)
    assert error.value.code == "bad_source"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prediction_type": "v_prediction"}, "prediction_type"),
        ({"scheduler": {"beta_end": 0.02}}, "beta_end"),
        ({"scheduler": {"rescale_betas_zero_snr": True}}, "rescale_betas_zero_snr"),
    ],
)
def test_two_models_that_do_not_fit_are_told_why(
    folder: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    other = write(tmp_path / "other", **change)
    (problem,) = problems(read_facts(Source(str(folder))), read_facts(Source(str(other))))
    assert problem.startswith(said)
    assert problem.endswith(")")


def test_a_stand_in_runs_in_the_same_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one here: engine and device take it as they take any model."""
    from obclip.client.device import Device, Sampling
    from obclip.cloud.engine import Engine, Job
    from obclip.cloud.planner import make_plan
    from obclip.diffusion import architectures

    small = {
        **architectures.SDXL, "block_out_channels": (32, 64, 64), "norm_num_groups": 8,
        "attention_head_dim": (2, 2, 2), "transformer_layers_per_block": (1, 1, 1),
        "layers_per_block": 1,
    }  # fmt: skip
    monkeypatch.setitem(architectures.KNOWN, "somebody/small", (small, 8, 77))
    parts = random_parts(Source("somebody/small"))
    job = Job(["a woman", "a man"], (), "ddim", 5.0, 64, 64, 1, 3)
    out = Engine(parts).run(job, make_plan("exact", 2, 4, 2))
    assert out.shape == (1, 2, 4, 8, 8)
    from obclip.diffusion.pairs import Pair
    from obclip.evaluation.bench.fullsize import measure

    here = Source("somebody/small")
    timed = measure(Pair("small", here, here, side=64))
    assert timed.cloud_step > 0 and timed.end_to_end is not None
    assert timed.extrapolated_cloud_only_25_steps == 25 * timed.cloud_step
    done = Device(parts).finish_latents(out[0], ["a", "b"], [], Sampling("ddim", 4, 5.0, 64, 64), 2)
    assert np.isfinite(done.numpy()).all()
    assert not torch.equal(out[0, 0], out[0, 1])

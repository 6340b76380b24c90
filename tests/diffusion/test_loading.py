"""Every family loads by the same code, from safetensors only, and says what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from obclip.diffusion.compatibility import problems, read_facts
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Source, find
from obclip.errors import ModelError
from tests.tiny import write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("loading") / "sd")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_an_sd_folder_loads(folder: Path) -> None:
    parts = load(Source(str(folder)))
    assert (parts.family, len(parts.text_encoders)) == ("StableDiffusionPipeline", 1)
    assert (parts.latent_channels, parts.latent_factor, parts.side) == (4, 8, 64)
    assert parts.schedule.prediction_type == "epsilon"
    assert not any(p.requires_grad for p in parts.unet.parameters())


def test_an_sdxl_folder_loads(tmp_path: Path) -> None:
    parts = load(Source(str(write(tmp_path / "xl", xl=True))))
    assert (parts.family, len(parts.text_encoders)) == ("StableDiffusionXLPipeline", 2)
    assert parts.zeros_when_empty


def test_a_cloud_needs_no_decoder(folder: Path) -> None:
    assert load(Source(str(folder)), vae=False).vae is None


def test_the_number_type_is_the_one_asked_for(folder: Path) -> None:
    parts = load(Source(str(folder)), dtype=torch.bfloat16)
    kinds = {p.dtype for m in (parts.unet, *parts.text_encoders, parts.vae) for p in m.parameters()}
    assert kinds == {torch.bfloat16}


def test_a_missing_folder_is_told() -> None:
    with pytest.raises(ModelError) as error:
        load(Source("/nowhere/at/all"))
    assert error.value.code == "no_model"


def test_a_model_that_is_not_on_the_hub_or_here_is_told() -> None:
    with pytest.raises(ModelError) as error:
        load(Source("nobody/nothing"))
    assert error.value.code == "no_model"


@pytest.mark.parametrize("missing", ["model_index.json", "vae/config.json", "unet/config.json"])
def test_a_missing_file_is_told(copy: Path, missing: str) -> None:
    (copy / missing).unlink()
    with pytest.raises(ModelError):
        load(Source(str(copy)))


@pytest.mark.parametrize("text", ["{", "[]", '{"_class_name": "FluxPipeline"}'])
def test_a_broken_or_unknown_index_is_told(copy: Path, text: str) -> None:
    (copy / "model_index.json").write_text(text)
    with pytest.raises(ModelError) as error:
        load(Source(str(copy)))
    assert error.value.code == "bad_model"


def test_damaged_weights_are_told(copy: Path) -> None:
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError) as error:
        load(Source(str(copy)))
    assert error.value.code == "bad_model"


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("unet", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
        ("text_encoder", "model.safetensors", "pytorch_model.bin"),
    ],
)
def test_pickled_weights_are_never_loaded(copy: Path, part: str, old: str, new: str) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(copy / part / old), copy / part / new)
    (copy / part / old).unlink()
    with pytest.raises(ModelError):
        load(Source(str(copy)))


def test_two_models_with_other_schedules_are_not_a_pair(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "v", prediction_type="v_prediction")
    (problem,) = problems(read_facts(Source(str(folder))), read_facts(Source(str(other))))
    assert "prediction_type" in problem
    assert problems(read_facts(Source(str(folder))), read_facts(Source(str(folder)))) == ()


def test_a_config_without_a_field_is_told(copy: Path) -> None:
    (copy / "unet" / "config.json").write_text(json.dumps({"in_channels": 4}))
    with pytest.raises(ModelError, match="lacks a field"):
        read_facts(Source(str(copy)))


@pytest.mark.parametrize("name", ["", "nope", "a,", ",b", "a,b,c"])
def test_an_unknown_pair_is_told(name: str) -> None:
    with pytest.raises(ModelError) as error:
        find(name)
    assert error.value.code == "unknown_pair"

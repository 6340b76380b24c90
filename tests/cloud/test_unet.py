"""The open pass is the model's own forward, and leaves out only what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from obclip.cloud.attention import Memory, install
from obclip.cloud.cost import counter
from obclip.cloud.plan import Attention, Features, Kind
from obclip.cloud.unet import skips_of, unet_pass, why_not
from obclip.diffusion.denoiser import Conditioning, UNetDenoiser
from obclip.diffusion.loading import Parts, load
from obclip.diffusion.pairs import Source
from tests.tiny import write

PROMPTS = ("a woman", "a man", "a person")
SKIP = Kind(Features.SKIP)
PIVOT = Kind(attention=Attention.PIVOT)


def shallow(depth: int) -> Kind:
    return Kind(Features.SHALLOW, depth=depth)


@pytest.fixture(scope="module", params=[False, True], ids=["sd", "sdxl"])
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("open") / "m"
    return load(Source(str(write(folder, xl=request.param, widths=(32, 64, 64)))), vae=False)


@pytest.fixture
def given(parts: Parts) -> tuple[torch.Tensor, torch.Tensor, Conditioning]:
    torch.manual_seed(0)
    cond = UNetDenoiser(parts).encode(PROMPTS, 64, 64)
    return torch.randn(3, 4, 8, 8), torch.tensor(501), cond


Given = tuple[torch.Tensor, torch.Tensor, Conditioning]


@torch.inference_mode()
def test_a_whole_pass_is_the_models_forward(parts: Parts, given: Given) -> None:
    out, kept = unet_pass(parts.unet, *given)
    assert kept is None
    assert torch.equal(out, UNetDenoiser(parts).predict(*given))


@torch.inference_mode()
def test_entering_with_fresh_features_changes_nothing(parts: Parts, given: Given) -> None:
    whole, _ = unet_pass(parts.unet, *given)
    for kind in [SKIP, *(shallow(d) for d in range(1, skips_of(parts.unet)))]:
        same, kept = unet_pass(parts.unet, *given, keep=kind)
        assert torch.equal(same, whole)
        again, _ = unet_pass(parts.unet, *given, kind=kind, entry=kept)
        torch.testing.assert_close(again, whole, rtol=1e-6, atol=1e-6)


@torch.inference_mode()
def test_a_shallow_pass_reads_the_latents_and_block_skip_does_not(
    parts: Parts, given: Given
) -> None:
    sample, timestep, cond = given
    for kind, reads in ((shallow(2), True), (SKIP, False)):
        _, kept = unet_pass(parts.unet, *given, keep=kind)
        a, b = (
            unet_pass(parts.unet, s, timestep, cond, kind=kind, entry=kept)[0]
            for s in (sample, sample + 1)
        )
        assert torch.equal(a, b) is not reads


@torch.inference_mode()
def test_a_pivots_map_serves_all_and_values_stay_their_own(parts: Parts, given: Given) -> None:
    install(parts.unet)
    sample, timestep, cond = given
    whole, _ = unet_pass(parts.unet, *given)
    out, _ = unet_pass(parts.unet, *given, kind=PIVOT, memory=Memory(Attention.PIVOT))
    torch.testing.assert_close(out[:1], whole[:1], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(out[1:], whole[1:], atol=1e-5)
    assert not torch.allclose(out[1], out[0], atol=1e-5)
    # equal rows: the pivot's map is everyone's own
    same = (sample[:1].repeat(3, 1, 1, 1), timestep, cond.rows([1, 1, 1]))
    out, _ = unet_pass(parts.unet, *same, kind=PIVOT, memory=Memory(Attention.PIVOT))
    torch.testing.assert_close(out, unet_pass(parts.unet, *same)[0], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_attention_that_was_just_recorded_changes_nothing(parts: Parts, given: Given) -> None:
    install(parts.unet)
    memory = Memory(record=True)
    whole, _ = unet_pass(parts.unet, *given, memory=memory)
    memory.mode, memory.record = Attention.CACHED, False
    assert torch.equal(unet_pass(parts.unet, *given, memory=memory)[0], whole)
    broken = {layer: out * 0 for layer, out in memory.outputs.items()}
    other = Memory(Attention.CACHED, outputs=broken)
    assert not torch.allclose(unet_pass(parts.unet, *given, memory=other)[0], whole)


def test_what_a_model_cannot_run_is_told(parts: Parts) -> None:
    assert why_not(parts.unet, Kind()) is None
    assert "where 1 to" in str(why_not(parts.unet, shallow(99)))


def test_every_saving_is_seen_in_the_count(parts: Parts) -> None:
    count = counter(dict(parts.unet.config), 8, 8, 77)
    one = count(Kind(), 1)
    shallows = [count(shallow(d), 1) for d in range(1, 5)]
    assert shallows == sorted(shallows)
    assert 0 < shallows[0] < shallows[-1] < one
    assert count(Kind(), 7) == 7 * one
    assert count(Kind(attention=Attention.CACHED), 1) < one
    assert count(SKIP, 1) < one
    assert count(PIVOT, 1) == one
    assert count(PIVOT, 6) < 6 * one


def test_a_config_without_weights_is_enough_to_count(tmp_path: Path) -> None:
    from obclip.diffusion.architectures import unet_of

    config, _, tokens = unet_of(Source(str(write(tmp_path / "m"))))
    assert counter(config, 8, 8, tokens)(shallow(1), 1) > 0

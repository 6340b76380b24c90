"""The peers do what their papers say: real ciphertexts, and mechanisms with the promised ratio."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from obclip.client.device import Device, Sampling
from obclip.diffusion.pairs import find
from obclip.errors import RequestError
from obclip.evaluation.peers import dp, he, he_attention

SET = ("a woman in a park", "a man in a park")


@pytest.fixture(scope="module")
def vocabulary() -> dp.Vocabulary:
    from obclip.diffusion.loading import load

    return dp.Vocabulary.of(load(find("mini").cloud, vae=False))


@pytest.mark.parametrize("kind", dp.KINDS)
@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_no_output_tells_two_words_apart_by_more_than_epsilon_allows(
    vocabulary: dp.Vocabulary, kind: str, epsilon: float
) -> None:
    sensitive = dp.sensitive_tokens(vocabulary, SET)
    a, b = sorted(sensitive)
    mechanism = dp.Mechanism(kind, epsilon, vocabulary)
    p, q = mechanism.row(a, sensitive), mechanism.row(b, sensitive)
    assert p is not None and q is not None
    assert p.sum() == pytest.approx(1) and q.sum() == pytest.approx(1)
    assert ((p > 0) == (q > 0)).all()
    ratio = np.abs(np.log(p[p > 0]) - np.log(q[q > 0])).max()
    distance = 1.0
    if kind == "santext":
        distance = vocabulary.distances(vocabulary.place[a])[vocabulary.place[b]]
    assert ratio <= epsilon * distance + 1e-9


@pytest.mark.parametrize("kind", dp.KINDS)
def test_a_larger_epsilon_gives_more_away(vocabulary: dp.Vocabulary, kind: str) -> None:
    sensitive, rng = dp.sensitive_tokens(vocabulary, SET), np.random.default_rng(0)
    a, b = sorted(sensitive)
    rates, apart = [], []
    for epsilon in (0.1, 4.0, 40.0):
        mechanism = dp.Mechanism(kind, epsilon, vocabulary)
        wins = 0
        for i in range(120):
            sent = mechanism.sanitise(SET[i % 2], sensitive, rng)
            wins += dp.best_guess(mechanism, sent, SET, sensitive) == i % 2
        rates.append(wins / 120)
        p, q = mechanism.row(a, sensitive), mechanism.row(b, sensitive)
        assert p is not None and q is not None
        apart.append(0.5 * float(np.abs(p - q).sum()))  # total variation: exact, no rounds
    assert rates[0] < 0.65 < 0.95 < rates[2]
    assert apart[0] < apart[1] < apart[2]


def test_other_mechanisms_and_epsilons_are_refused(vocabulary: dp.Vocabulary) -> None:
    for kind, epsilon in (("magic", 1.0), ("santext", 0.0), ("custext", float("nan"))):
        with pytest.raises(RequestError):
            dp.Mechanism(kind, epsilon, vocabulary)


def test_an_update_under_encryption_is_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    x, e = torch.randn(1, 4, 16, 16), torch.randn(1, 4, 16, 16)
    measured = he.Measured()
    out = he.update(he.context(), x, e, 0.9, -0.2, measured)
    torch.testing.assert_close(out, 0.9 * x - 0.2 * e, atol=0.02, rtol=0)
    assert not torch.equal(out, 0.9 * x - 0.2 * e)  # it went through CKKS
    assert 0.5 < measured.share < 1
    assert measured.ciphertext > 100 * x.numel()
    assert set(measured.seconds) == {"encrypt", "multiply by a number", "add the prediction",
                                     "decrypt"}  # fmt: skip


def test_a_whole_picture_under_he_is_the_picture_without(tiny_pair: str) -> None:
    cloud = Device.of(find(tiny_pair).cloud)
    sampling = Sampling("ddim", 3, 2.0, 64, 64)
    noise, measured = cloud.noise(sampling, 1, 1), he.Measured()
    out = he.run(cloud, SET[0], sampling, noise, measured)
    plain = cloud.finish_latents(noise, [SET[0]], [], sampling, 0)
    torch.testing.assert_close(out, plain, atol=0.05, rtol=0)
    assert measured.steps == 3


def test_keys_and_values_under_encryption_are_the_products() -> None:
    config = {
        "sample_size": 8, "block_out_channels": (32, 64), "cross_attention_dim": 32,
        "attention_head_dim": 2, "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }  # fmt: skip
    found = he_attention.measure(config, 1_000_000, tokens=7, steps=2)
    assert found.measured_error < 1e-3
    assert found.layers == len(he_attention.layers_of(config)) == 4
    assert found.measured_seconds_token > 0
    whole = found.extrapolated_seconds_all_keys_and_values
    assert whole == pytest.approx(found.measured_seconds_token * 7 * 4, rel=0.01)

"""Metric code on cases whose answers are known."""

from __future__ import annotations

import math

import pytest
import torch

from obclip.errors import RequestError
from obclip.evaluation import metrics


def _normal(
    rows: int, width: int, mean: float = 0.0, scale: float = 1.0, seed: int = 0
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator) * scale + mean


def test_frechet_distance_of_shifted_gaussians_is_the_squared_shift() -> None:
    real, moved = _normal(20_000, 4), _normal(20_000, 4, mean=0.5, seed=1)
    assert metrics.frechet(real, moved) == pytest.approx(4 * 0.5**2, abs=0.05)


def test_frechet_distance_of_scaled_gaussians_is_the_squared_difference_of_deviations() -> None:
    real, wide = _normal(20_000, 4), _normal(20_000, 4, scale=2.0, seed=1)
    assert metrics.frechet(real, wide) == pytest.approx(4 * (2 - 1) ** 2, abs=0.15)


def test_frechet_distance_of_a_set_to_itself_is_zero() -> None:
    real = _normal(500, 4)
    assert metrics.frechet(real, real) == pytest.approx(0, abs=1e-4)


def test_kid_is_near_zero_for_one_distribution_and_repeats_for_one_seed() -> None:
    a, b, c = _normal(1000, 8), _normal(1000, 8, seed=1), _normal(1000, 8, mean=1.0, seed=2)
    assert abs(metrics.kid(a, b)) < 0.1
    assert metrics.kid(a, c) > 1
    assert metrics.kid(a, c, seed=3) == metrics.kid(a, c, seed=3)


def test_inception_style_score_runs_from_one_to_the_number_of_classes() -> None:
    assert metrics.inception_style_score(torch.full((50, 5), 0.2)) == pytest.approx(1.0)
    assert metrics.inception_style_score(torch.eye(5).repeat(10, 1)) == pytest.approx(5.0)


def test_psnr_of_a_known_error() -> None:
    a = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    assert float(metrics.psnr(a, a + 10)) == pytest.approx(20 * math.log10(255 / 10), abs=1e-6)


def test_paired_distance_is_zero_for_equal_and_two_for_opposite_directions() -> None:
    x = _normal(3, 6)
    assert metrics.paired_distance(x, 3 * x).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert metrics.paired_distance(x, -x).tolist() == pytest.approx([2, 2, 2], abs=1e-5)


def test_accuracy_counts_the_asked_for_value() -> None:
    got = metrics.accuracy(
        ["woman", "man", "man", "man"], ["woman", "man", "woman", "man"], [0, 1, 2, 3]
    )
    assert got.value == 0.75
    assert 0 <= got.low <= 0.75 <= got.high <= 1


def test_the_bootstrap_knows_that_pictures_of_one_prompt_go_together() -> None:
    values = [float(i % 2) for i in range(40) for _ in range(10)]
    apart = metrics.cluster_bootstrap(values, list(range(400)))
    together = metrics.cluster_bootstrap(values, [i // 10 for i in range(400)])
    assert apart.value == together.value == 0.5
    assert (together.high - together.low) > 2.5 * (apart.high - apart.low)


def test_the_bootstrap_interval_covers_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for trial in range(200):
        values = torch.randn(40, generator=generator).tolist()
        interval = metrics.cluster_bootstrap(values, list(range(40)), draws=400, seed=trial)
        covered += interval.low <= 0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.985


@pytest.mark.parametrize("values, clusters", [([], []), ([1.0], [0, 1])])
def test_the_bootstrap_refuses_what_does_not_fit(values: list[float], clusters: list[int]) -> None:
    with pytest.raises(RequestError, match="clusters"):
        metrics.cluster_bootstrap(values, clusters)


def test_sets_of_features_of_two_widths_do_not_compare() -> None:
    with pytest.raises(RequestError, match="compare"):
        metrics.frechet(_normal(10, 4), _normal(10, 5))

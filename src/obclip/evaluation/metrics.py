"""Quality in numbers, each with an interval that knows that pictures of one prompt go together.

Distances between sets of features come from torchmetrics (extra ``eval``) with the features of the
judge at hand, never mixed in one column with those of another judge. Ours are only what no library
has: attribute accuracy of the asked-for value, paired distances, and the cluster bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from obclip.errors import RequestError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % bootstrap interval over ``clusters`` prompts."""

    value: float
    low: float
    high: float
    clusters: int

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def cluster_bootstrap(
    values: Sequence[float],
    clusters: Sequence[object],
    *,
    statistic: Callable[[Floats], float] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Percentile interval of a mean, resampling whole clusters (Cameron et al. 2008).

    Args:
        values: one number a picture.
        clusters: the prompt (or set) each number belongs to; pictures of one are drawn together.
        statistic: of the resampled values; the mean unless told.

    Raises:
        RequestError: nothing given, or the two differ in length.
    """
    if not values or len(values) != len(clusters):
        raise RequestError(
            "values and clusters differ", code="bad_values",
            got=f"{len(values)} and {len(clusters)}", expected="as many of one as of the other",
        )  # fmt: skip
    groups: dict[object, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        groups.setdefault(cluster, []).append(float(value))
    rows = [np.asarray(g, dtype=np.float64) for g in groups.values()]
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(rows), (draws, len(rows)))
    if statistic is None:
        sums = np.asarray([r.sum() for r in rows])
        sizes = np.asarray([len(r) for r in rows])
        drawn = sums[picks].sum(1) / sizes[picks].sum(1)
        value = float(sums.sum() / sizes.sum())
    else:
        drawn = np.asarray([statistic(np.concatenate([rows[i] for i in p])) for p in picks])
        value = statistic(np.concatenate(rows))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(value, float(low), float(high), len(rows))


def accuracy(
    found: Sequence[str], asked: Sequence[str], clusters: Sequence[object], *, seed: int = 0
) -> Estimate:
    """Share of pictures in which the judge sees the value that was asked for."""
    right = [float(a == b) for a, b in zip(found, asked, strict=True)]
    return cluster_bootstrap(right, clusters, seed=seed)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each pair of uint8 pictures (n, 3, h, w)."""
    mse = (a.double() - b.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(255.0**2 / mse.clamp(min=1e-12))


def paired_distance(a: Tensor, b: Tensor) -> Tensor:
    """Distance of each pair of feature rows (n, d), both scaled to length one: 0 to 2.

    The form of LPIPS (Zhang et al. 2018, arXiv 1801.03924) on one layer of the judge.
    """
    difference = nn.functional.normalize(a, dim=1) - nn.functional.normalize(b, dim=1)
    distance: Tensor = difference.norm(dim=1)
    return distance


def inception_style_score(probabilities: Tensor) -> float:
    """Exp of the mean KL divergence of p(y|x) from p(y) (Salimans et al. 2016), on one split.

    Args:
        probabilities: (n, classes), each row summing to one. 1 is worst, the class count best.
    """
    p = probabilities.double().clamp(min=1e-12)
    marginal = p.mean(0, keepdim=True)
    return math.exp(float((p * (p.log() - marginal.log())).sum(1).mean()))


class _Ready(nn.Module):
    """Features made beforehand, in the clothes torchmetrics expects."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def frechet(real: Tensor, made: Tensor) -> float:
    """Frechet distance between two sets of features (n, d) (Heusel et al. 2017)."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    return _distance(FrechetInceptionDistance, real, made, {"normalize": True})


def kid(real: Tensor, made: Tensor, *, subset: int = 100, seed: int = 0) -> float:
    """Kernel distance, unbiased, cubic kernel (Binkowski et al. 2018), mean over subsets."""
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(subset, len(real), len(made))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return _distance(
            KernelInceptionDistance, real, made, {"subset_size": size, "normalize": True}
        )


def _distance(kind: Any, real: Tensor, made: Tensor, options: dict[str, Any]) -> float:
    if len(real) < 2 or len(made) < 2 or real.shape[1] != made.shape[1]:
        raise RequestError(
            "two sets of features do not compare", code="bad_features",
            got=f"{tuple(real.shape)} and {tuple(made.shape)}",
            expected="two rows or more each, of one width",
        )  # fmt: skip
    metric = kind(feature=_Ready(real.shape[1]), **options)
    metric.inception = _Ready(real.shape[1])
    for features, is_real in ((real, True), (made, False)):
        metric.update(features.float()[:, :, None, None], real=is_real)
    result = metric.compute()
    return float(result[0] if isinstance(result, tuple) else result)

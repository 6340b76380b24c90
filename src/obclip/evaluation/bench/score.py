"""From the pictures and lines of a run to the figures of a table, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from obclip.evaluation.bench.prompts import Set
from obclip.evaluation.bench.run import Task
from obclip.evaluation.bench.work import Done, Work
from obclip.evaluation.clip import Clip
from obclip.evaluation.judge import SIDE, Judge, Verdict
from obclip.evaluation.metrics import Estimate, cluster_bootstrap
from obclip.evaluation.quality import Asked, pixels, score

DRAWS = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """One cell of the table: n pictures of one row at one N and k."""

    row: str
    n: int
    k: int
    pictures: int
    attributes: dict[str, Estimate]
    mean_accuracy: Estimate | None
    caption: Estimate | None
    frechet: Estimate | None
    kid: Estimate | None
    cloud: Estimate
    device: Estimate
    up: float
    down: float
    extra: dict[str, float]
    #: index of the prompt -> share of its asked-for values that the judge sees
    right: dict[int, float]

    def transfer(self, megabits: float) -> float:
        """Seconds on a line of that many megabits a second, both ways the same."""
        return (self.up + self.down) * 8 / (megabits * 1e6)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def figures(
    work: Work, todo: Sequence[Task], sets: dict[int, list[Set]], judge: Judge | Clip | None,
    real: Tensor | None,
) -> list[Figures]:  # fmt: skip
    """Figures of every (row, N, k) that was to be drawn; the file may hold more than that.

    Args:
        judge: CLIP knows captions and features, no attributes; None leaves quality out.
        real: features of real pictures by the same judge.
    """
    cells: dict[tuple[str, int, int], list[Done]] = {}
    for task in todo:
        if (done := work.done.get(task.key)) is not None:
            cells.setdefault((done.row, done.n, done.k), []).append(done)
    return [_cell(work, found, sets[key[1]], judge, real) for key, found in cells.items()]


def _cell(
    work: Work, found: list[Done], sets: list[Set], judge: Judge | Clip | None,
    real: Tensor | None,
) -> Figures:  # fmt: skip
    asked = [
        Asked(sets[d.index].prompt, sets[d.index].seed, sets[d.index].asked, sets[d.index].prompt)
        for d in found
    ]
    names = [a.cluster for a in asked]
    attributes: dict[str, Estimate] = {}
    mean = caption = distance = kernel = features = None
    right: dict[int, float] = {}
    if isinstance(judge, Clip):
        features = judge.embeddings([Image.open(work.folder / d.file) for d in found])
        scores = judge.caption_scores(features, [a.prompt for a in asked])
        caption = cluster_bootstrap(scores.tolist(), names)
    elif judge is not None:
        pictures = [Image.open(work.folder / d.file).resize((SIDE, SIDE)) for d in found]
        verdict = judge(pixels(pictures))
        scored = score(verdict, judge, asked)
        attributes, caption = scored.attributes, scored.caption
        right = dict(zip((d.index for d in found), shares(verdict, asked), strict=True))
        mean = cluster_bootstrap(list(right.values()), names)
        features = verdict.features
    if real is not None and features is not None and len(found) > 1:
        distance, kernel = distances(real, features, names)
    head = found[0]
    extra = {
        key: float(np.mean([d.extra[key] for d in found if key in d.extra])) for key in head.extra
    }
    return Figures(
        head.row, head.n, head.k, len(found), attributes, mean, caption, distance, kernel,
        cluster_bootstrap([d.cloud for d in found], names, statistic=_median, draws=DRAWS),
        cluster_bootstrap([d.device for d in found], names, statistic=_median, draws=DRAWS),
        float(np.mean([d.up for d in found])), float(np.mean([d.down for d in found])), extra,
        right,
    )  # fmt: skip


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))


def shares(verdict: Verdict, asked: Sequence[Asked]) -> list[float]:
    """Of each picture the share of its asked-for values that are seen: one figure that orders
    methods. Style is left out: no candidate differs in it.
    """
    names = ("gender", "age", "tone", "concept")
    seen = {name: verdict.values(name) for name in names}
    return [
        float(np.mean([seen[n][i] == a.classes[n] for n in names if n in a.classes]))
        for i, a in enumerate(asked)
    ]


def distances(
    real: Tensor, made: Tensor, clusters: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """Frechet distance and unbiased kernel distance (cubic) with intervals over prompts.

    The pictures are resampled, the real features are not. Few pictures bias the Frechet distance
    upwards by as much for every method, so only equal counts compare.

    Args:
        made: features (n, d) of two pictures or more, with one cluster each.
    """
    r, m = real.double().numpy(), made.double().numpy()
    names = sorted(set(clusters))
    rows = {name: [i for i, c in enumerate(clusters) if c == name] for name in names}
    rng = np.random.default_rng(seed)
    kernel = Kernel(r, m)
    frechet = Frechet(r)
    values: list[tuple[float, float]] = []
    while len(values) < draws:
        picks = [i for j in rng.integers(0, len(names), len(names)) for i in rows[names[j]]]
        if len(set(picks)) > 1:  # one picture alone has no distance to another
            values.append((frechet(m[picks]), kernel(picks)))
    low, high = np.quantile(np.asarray(values), (0.025, 0.975), axis=0)
    whole = list(range(len(m)))
    # drawing some pictures twice biases the Frechet distance further upwards: its interval is moved
    # back onto the estimate, and shows the spread alone
    whole_distance = frechet(m)
    moved = whole_distance - float(np.mean([f for f, _ in values]))
    return (
        Estimate(whole_distance, float(low[0]) + moved, float(high[0]) + moved, len(names)),
        Estimate(kernel(whole), float(low[1]), float(high[1]), len(names)),
    )


class Frechet:
    """Distance to one set of real features; the root of its covariance is taken once."""

    def __init__(self, real: NDArray[np.float64]) -> None:
        self.mean, cov = real.mean(0), np.cov(real, rowvar=False)
        values, vectors = np.linalg.eigh(cov)
        self.root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
        self.trace = float(np.trace(cov))

    def __call__(self, made: NDArray[np.float64]) -> float:
        """trace(sqrt(R C R)) is the nuclear norm of R times the centred rows."""
        centred = (made - made.mean(0)) / np.sqrt(len(made) - 1)
        cross = np.linalg.svd(centred @ self.root, compute_uv=False).sum()
        gap = float(((made.mean(0) - self.mean) ** 2).sum())
        return gap + self.trace + float((centred**2).sum()) - 2 * float(cross)


class Kernel:
    """Unbiased MMD with k(x, y) = (x.y / d + 1)^3 (Binkowski et al. 2018); kernels made once."""

    def __init__(self, real: NDArray[np.float64], made: NDArray[np.float64]) -> None:
        def k(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            out: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
            return out

        among = k(real, real)
        n = len(real)
        self.real = float((among.sum() - np.trace(among)) / (n * (n - 1)))
        self.made, self.cross = k(made, made), k(made, real).mean(1)

    def __call__(self, picks: Sequence[int]) -> float:
        rows = np.asarray(picks)
        block = self.made[np.ix_(rows, rows)]
        # a picture drawn twice is no pair of pictures
        other = rows[:, None] != rows[None, :]
        return self.real + float(block[other].mean()) - 2 * float(self.cross[rows].mean())

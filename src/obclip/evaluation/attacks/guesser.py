"""The attacker's mind: learns from transcripts of known choices, then guesses unknown ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obclip.evaluation.attacks.stage import View

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Features:
    """One transcript: its words with their places, its exact form, its course, and its numbers.

    ``form``: what came, with its sizes; ``course``: what came alone. ``numbers``: requests, bytes,
    seconds between requests. ``vectors``: text embeddings in the order received, or empty.
    """

    words: str
    form: str
    course: str
    numbers: tuple[float, ...]
    vectors: tuple[float, ...] = ()


def read(view: View, embed: Any = None) -> Features:
    """Everything a server has, as features: tokens, embeddings, sizes, order, timing."""
    words: list[str] = []
    vectors: tuple[float, ...] = ()
    for r, asked in enumerate(view.asked):
        words += [f"{r}.{asked.n}", f"{r}.{asked.plan}"]
        for i, prompt in enumerate(asked.prompts):
            words += [f"{r}.{i}.{word}" for word in prompt.lower().split()]
        if embed is not None and r == 0:
            vectors = tuple(float(x) for x in embed(asked.prompts))
    form = "|".join(f"{e.method}{e.stage}{len(e.body)}" for e in view.events)
    course = "|".join(f"{e.method}{e.stage}" for e in view.events)
    times = [e.at for e in view.events]
    gaps = [b - a for a, b in pairwise(times)][:8]
    numbers = (float(len(times)), float(sum(len(e.body) for e in view.events)), *gaps)
    numbers += (0.0,) * (10 - len(numbers))
    return Features(" ".join(words), form, course, numbers, vectors)


class Guesser:
    """Several learners; the one that does best in cross-validation of the training decides."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.best: Any = None
        self.name = "nothing learnt"

    def fit(self, seen: Sequence[Features], labels: Sequence[int]) -> Guesser:
        """Learns. ``labels`` are choices, or whether a guess of the server's was right."""
        scores: dict[str, float] = {}
        for name in _LEARNERS:
            if name == "embeddings" and not seen[0].vectors:
                continue
            scores[name] = float(np.mean(self._held_out(name, seen, labels)))
        self.name = max(scores, key=scores.__getitem__)
        self.best = _LEARNERS[self.name](self.seed).fit(seen, labels)
        return self

    def _held_out(
        self, name: str, seen: Sequence[Features], labels: Sequence[int], folds: int = 3
    ) -> list[bool]:
        """Whether each label is guessed by a learner that did not see it."""
        right: list[bool] = []
        for fold in range(folds):
            train = [i for i in range(len(seen)) if i % folds != fold]
            test = [i for i in range(len(seen)) if i % folds == fold]
            model = _LEARNERS[name](self.seed).fit([seen[i] for i in train],
                                                   [labels[i] for i in train])  # fmt: skip
            told = model.predict([seen[i] for i in test])
            right += [t == labels[i] for t, i in zip(told, test, strict=True)]
        return right or [False]

    def predict(self, seen: Sequence[Features]) -> list[int]:
        return [int(x) for x in self.best.predict(seen)]


class _Lookup:
    """The commonest label of each exact form: finds whatever changes requests or their sizes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.known: dict[str, int] = {}
        self.labels: list[int] = [0]

    def fit(self, seen: Sequence[Features], labels: Sequence[int]) -> _Lookup:
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for features, label in zip(seen, labels, strict=True):
            counts[self.key(features)][label] += 1
        self.known = {form: c.most_common(1)[0][0] for form, c in counts.items()}
        self.labels = sorted(set(labels))
        return self

    def predict(self, seen: Sequence[Features]) -> list[int]:
        return [self.known.get(self.key(f), int(self.rng.choice(self.labels))) for f in seen]

    def key(self, features: Features) -> str:
        return features.form


class _Course(_Lookup):
    """The same without sizes: a request more or less is seen whatever the prompt's length."""

    def key(self, features: Features) -> str:
        return features.course


class _Words:
    """Logistic regression on words with their places."""

    def __init__(self, seed: int) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.linear_model import SGDClassifier

        self.reader = HashingVectorizer(
            n_features=2**14,
            alternate_sign=False,
            tokenizer=str.split,
            token_pattern=None,
            lowercase=False,
            norm="l2",
            binary=True,
        )
        self.model = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=200, random_state=seed)
        self.only: int | None = None

    def fit(self, seen: Sequence[Features], labels: Sequence[int]) -> _Words:
        if len(set(labels)) < 2:
            self.only = labels[0]
            return self
        self.model.fit(self.reader.transform([f.words for f in seen]), labels)
        return self

    def predict(self, seen: Sequence[Features]) -> list[int]:
        if self.only is not None:
            return [self.only] * len(seen)
        return list(self.model.predict(self.reader.transform([f.words for f in seen])))


class _Forest:
    """A random forest on numbers: sizes and timing."""

    def __init__(self, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        self.model = RandomForestClassifier(60, min_samples_leaf=5, random_state=seed, n_jobs=1)

    def rows(self, seen: Sequence[Features]) -> Floats:
        return np.asarray([f.numbers for f in seen], dtype=np.float64)

    def fit(self, seen: Sequence[Features], labels: Sequence[int]) -> _Forest:
        self.model.fit(self.rows(seen), labels)
        return self

    def predict(self, seen: Sequence[Features]) -> list[int]:
        return list(self.model.predict(self.rows(seen)))


class _Embeddings:
    """Embedding inversion: a linear map from the received text embeddings to the choice."""

    def __init__(self, seed: int) -> None:
        from sklearn.linear_model import RidgeClassifier

        self.model = RidgeClassifier(alpha=1.0, random_state=seed)
        self.width = 0

    def rows(self, seen: Sequence[Features]) -> Floats:
        self.width = self.width or max(len(f.vectors) for f in seen)
        out = np.zeros((len(seen), self.width))
        for i, f in enumerate(seen):
            values = f.vectors[: self.width]
            out[i, : len(values)] = values
        return out

    def fit(self, seen: Sequence[Features], labels: Sequence[int]) -> _Embeddings:
        self.model.fit(self.rows(seen), labels)
        return self

    def predict(self, seen: Sequence[Features]) -> list[int]:
        return list(self.model.predict(self.rows(seen)))


_LEARNERS: dict[str, Any] = {
    "form": _Lookup, "course": _Course, "words": _Words, "numbers": _Forest,
    "embeddings": _Embeddings,
}  # fmt: skip

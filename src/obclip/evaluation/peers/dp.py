"""Differential privacy on the prompt: each token is replaced at random before it leaves.

Two mechanisms over the pair's own token embeddings, by the exponential mechanism on distance:
SANTEXT+ (Yue et al. 2021, arXiv 2106.01221): any token of the vocabulary, closer ones likelier;
sensitive tokens always, others with probability ``OTHERS``. CUSTEXT (Chen et al. 2023, arXiv
2207.04869): one of the K tokens of a group that all members of the group share. Groups of nearest
words put "woman" and "man" of the bundled pair into two groups, which gives the gender away at any
epsilon; here a set's sensitive words share one group, which is to the peer's advantage.
"Like": embeddings and vocabulary are the pair's, not GloVe's, and distances are divided by the
median of the vocabulary, so an epsilon here compares with none published elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obclip.errors import RequestError

EPSILONS = (1.0, 4.0, 8.0, 16.0)
KINDS = ("santext", "custext")
#: Share of the tokens nobody calls sensitive that SANTEXT+ replaces all the same (its p).
OTHERS = 0.3
#: Members of a CUSTEXT group (its K).
GROUP = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Vocabulary:
    """The words of a text encoder: single tokens that end a word, with their embeddings.

    ``words`` are token ids, ``vectors`` (words, width) their rows of the embedding table.
    """

    tokenizer: Any
    words: tuple[int, ...]
    vectors: Floats

    @staticmethod
    def of(parts: Any) -> Vocabulary:
        """The vocabulary of a model's first text encoder (``loading.Parts``)."""
        tokenizer, encoder = parts.tokenizers[0], parts.text_encoders[0]
        table = encoder.get_input_embeddings().weight.detach().float().cpu().numpy()
        whole = {
            i: t
            for t, i in tokenizer.get_vocab().items()
            if t.endswith("</w>") and t.removesuffix("</w>").isalpha()
        }
        ids = tuple(sorted(whole))
        return Vocabulary(tokenizer, ids, table[list(ids)].astype(np.float64))

    @cached_property
    def place(self) -> dict[int, int]:
        return {token: i for i, token in enumerate(self.words)}

    @cached_property
    def scale(self) -> float:
        """Median distance of 2,000 random pairs: what a distance of one means here."""
        rng = np.random.default_rng(0)
        a, b = rng.integers(0, len(self.words), (2, 2000))
        return float(np.median(np.linalg.norm(self.vectors[a] - self.vectors[b], axis=1)))

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(words,) the CUSTEXT group of each word: greedily, a word and its nearest left over."""
        out = np.full(len(self.words), -1)
        for i in range(len(self.words)):
            if out[i] < 0:
                free = np.flatnonzero(out < 0)
                near = free[np.argsort(self.distances(i)[free], kind="stable")[:GROUP]]
                out[near] = i
        return out

    def distances(self, i: int) -> Floats:
        """(words,) distances of all words to word ``i``, in units of ``scale``."""
        gaps: Floats = np.linalg.norm(self.vectors - self.vectors[i], axis=1)
        return gaps / self.scale

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text without the marks at its ends."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def text(self, ids: Sequence[int]) -> str:
        out: str = self.tokenizer.decode(list(ids))
        return out.strip()


@dataclass(frozen=True)
class Mechanism:
    """``santext`` or ``custext`` at one epsilon.

    Raises:
        RequestError: another kind, or an epsilon that is not above zero.
    """

    kind: str
    epsilon: float
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RequestError(
                "unknown mechanism", code="bad_method", got=self.kind, expected=" or ".join(KINDS)
            )
        if not self.epsilon > 0:
            raise RequestError(
                "epsilon out of range", code="bad_epsilon", got=self.epsilon, expected="above 0"
            )
        object.__setattr__(self, "_rows", {})

    def row(self, token: int, sensitive: frozenset[int] = frozenset()) -> Floats | None:
        """Probabilities (words,) of what a token becomes; None for one that is no word."""
        rows: dict[Any, Floats] = self.__dict__["_rows"]
        i = self.vocabulary.place.get(token)
        if i is None:
            return None
        group = sensitive if self.kind == "custext" and token in sensitive else frozenset()
        if (token, group) not in rows:
            rows[token, group] = self._row(i, group)
        return rows[token, group]

    def _row(self, i: int, group: frozenset[int]) -> Floats:
        gaps = self.vocabulary.distances(i)
        if self.kind == "santext":
            return _softmax(-self.epsilon / 2 * gaps)
        inside = (
            self._inside(group) if group else self.vocabulary.groups == (self.vocabulary.groups[i])
        )
        worth = 1 - gaps / max(float(gaps[inside].max()), 1e-12)  # 0 to 1: sensitivity one
        return _softmax(np.where(inside, self.epsilon / 2 * worth, -np.inf))

    def _inside(self, group: frozenset[int]) -> NDArray[np.bool_]:
        """The group of a set's sensitive words, filled up with the words nearest to their mean."""
        v = self.vocabulary
        own = [v.place[token] for token in sorted(group) if token in v.place]
        gaps = np.linalg.norm(v.vectors - v.vectors[own].mean(0), axis=1)
        gaps[own] = -1.0
        inside = np.zeros(len(v.words), dtype=bool)
        inside[np.argsort(gaps, kind="stable")[: max(GROUP, len(own))]] = True
        return inside

    def sanitise(self, text: str, sensitive: frozenset[int], rng: np.random.Generator) -> list[int]:
        """Token ids of what leaves the device instead of ``text``."""
        out = []
        for token in self.vocabulary.tokens(text):
            row = self.row(token, sensitive)
            chance = 1.0 if self.kind == "custext" or token in sensitive else OTHERS
            if row is None or rng.random() >= chance:
                out.append(token)
            else:
                out.append(self.vocabulary.words[int(rng.choice(len(row), p=row))])
        return out

    def log_likelihood(self, sent: Sequence[int], text: str, sensitive: frozenset[int]) -> float:
        """Of ``sent`` if ``text`` was the prompt: what an attacker who knows the mechanism uses."""
        own = self.vocabulary.tokens(text)
        if len(own) != len(sent):
            return -np.inf
        total = 0.0
        for token, got in zip(own, sent, strict=True):
            row = self.row(token, sensitive)
            chance = 1.0 if self.kind == "custext" or token in sensitive else OTHERS
            kept = 1 - chance if got == token else 0.0
            place = self.vocabulary.place.get(got)
            if row is None:
                p = float(got == token)
            else:
                p = kept + (chance * float(row[place]) if place is not None else 0.0)
            total += float(np.log(p)) if p > 0 else -np.inf
        return total


def sensitive_tokens(vocabulary: Vocabulary, members: Sequence[str]) -> frozenset[int]:
    """Tokens in which the members of a set differ: what the user calls sensitive."""
    rows = [frozenset(vocabulary.tokens(text)) for text in members]
    return rows[0].union(*rows) - rows[0].intersection(*rows)


def best_guess(
    mechanism: Mechanism, sent: Sequence[int], members: Sequence[str], sensitive: frozenset[int]
) -> int:
    """The member that makes ``sent`` likeliest: the best any attacker does, all equally likely."""
    return int(np.argmax([mechanism.log_likelihood(sent, m, sensitive) for m in members]))


def _softmax(x: Floats) -> Floats:
    raised = np.exp(x - np.max(x))
    out: Floats = raised / raised.sum()
    return out

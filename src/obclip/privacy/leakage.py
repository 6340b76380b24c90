"""What a server could still guess from the words that stay in clear, and from the set itself.

Protects: the user's judgement, before anything is sent. The guess is a function of the candidate
set and its clear words, so it and every verdict drawn from it are equal for all members.
Does not protect: anything. It is a floor: counts over public prompts, no sentence read, nothing
known about the user. A server that has more guesses better, so each figure reads "at least".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log, prod
from typing import TYPE_CHECKING, Any, TypedDict

from obclip.errors import PromptRefused
from obclip.privacy.normalise import DEVICE_ONLY
from obclip.privacy.taxonomy import read

if TYPE_CHECKING:
    from obclip.privacy.candidates import CandidateSet, Expansion

__all__ = ["ClearWord", "Leakage", "exceeding", "report", "strict", "words_in"]

#: A word hints at a value that it makes at least this many times likelier.
LIFT = 1.35
#: Weight, in texts, of the value's share where the forms of a mention are hardly ever written.
FORM_PULL = 0.1
#: Count given to a word that no text holds.
UNSEEN = 0.5

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_ARTICLES = frozenset(("a", "an"))
_PRONOUNS = frozenset(
    {"she", "he", "her", "him", "his", "hers", "herself", "himself", "themself"}
    | {"they", "them", "their", "theirs"}
)


class ClearWord(TypedDict):
    """A word the cloud reads as written, and for each attribute the values it makes likelier."""

    text: str
    hints: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Leakage:
    """``clear``: each word in clear, once. ``best_guess``: attribute of the set -> probability of
    the likeliest value of its most guessable mention; a lower bound of what can be guessed.
    """

    clear: tuple[ClearWord, ...]
    best_guess: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Counts:
    """The shipped counts. ``shares``: attribute -> value -> share of the texts that name it."""

    attributes: Mapping[str, Any]
    shares: Mapping[str, Mapping[str, float]]
    words: Mapping[str, Mapping[str, list[int]]]
    forms: Mapping[str, int]
    singles: Mapping[str, int]
    written: int


@cache
def _counts() -> _Counts:
    data = json.loads(read("cooccurrence.json"))
    shares = {}
    for name, table in data["attributes"].items():
        total = sum(table["texts"]) + len(table["values"])
        shares[name] = {
            value: (n + 1) / total for value, n in zip(table["values"], table["texts"], strict=True)
        }
    return _Counts(
        data["attributes"], shares, data["words"], data["forms"], data["singles"], data["written"]
    )


def words_in(text: str) -> list[str]:
    """The lower-case words of a text, as they are counted."""
    return _WORD.findall(text.lower())


def report(expansion: Expansion) -> Leakage:
    """The clear words with their hints, and the best guess for every attribute of the set."""
    texts: dict[str, str] = {}
    for text in expansion.clear:
        for word in words_in(text):
            if word not in _ARTICLES:
                texts.setdefault(word, text)
    clear = tuple(ClearWord(text=text, hints=_hints(word)) for word, text in texts.items())
    negative = {mention.mention for mention in expansion.mentions if mention.negative}
    guess: dict[str, float] = {}
    for name, mention, likelihoods in _slots(expansion.candidates):
        posterior = _posterior(name, likelihoods, () if mention in negative else texts)
        guess[name] = max(guess.get(name, 0.0), max(posterior.values()))
    return Leakage(clear, {name: round(value, 4) for name, value in guess.items()})


def exceeding(leakage: Leakage, limit: float) -> tuple[str, ...]:
    """The attributes whose best guess lies above ``limit``; equal for every member of a set."""
    return tuple(name for name, guess in leakage.best_guess.items() if guess > limit)


def strict(leakage: Leakage, limit: float) -> None:
    """Refuses a set that could be guessed with a probability above ``limit`` (0 to 1).

    Raises:
        PromptRefused: code ``guessable``; for every member of the set or for none.
    """
    for name in exceeding(leakage, limit):
        words = [word["text"] for word in leakage.clear if name in word["hints"]]
        because = f"; telling words: {', '.join(words[:5])}" if words else ""
        raise PromptRefused(
            "guessable",
            f"a server could guess the {name} with a probability of at least"
            f" {leakage.best_guess[name]:.2f}, above the limit of {limit:.2f}{because}",
            words[0] if words else "",
            ("rephrase without the telling words", "raise the limit", DEVICE_ONLY),
        )


def _hints(word: str) -> dict[str, list[str]]:
    counts = _counts()
    found: dict[str, list[str]] = {}
    for name, row in counts.words.get(word, {}).items():
        stands = sum(row)
        shares = counts.shares[name]
        told = [
            value
            for (value, share), n in zip(shares.items(), row, strict=True)
            if n >= LIFT * share * stands
        ]
        if told:
            found[name] = told
    return found


def _posterior(
    name: str, likelihoods: Mapping[str, float], words: Iterable[str]
) -> dict[str, float]:
    """Share of each value in the mention's own forms, times the clear words' shrunk ratios."""
    counts = _counts()
    logs = {value: log(p) for value, p in likelihoods.items()}
    table = counts.attributes.get(name)
    rows = [row for word in words if (row := counts.words.get(word, {}).get(name)) is not None]
    if table is not None and rows:
        shares, pull = counts.shares[name], table["pull"]
        scale = len(rows) ** -table["power"]
        for row in rows:
            stands = sum(row)
            for (value, share), n in zip(shares.items(), row, strict=True):
                if value in logs:
                    logs[value] += scale * log((n + pull * share) / (stands + pull) / share)
    top = max(logs.values())
    weights = {value: exp(x - top) for value, x in logs.items()}
    total = sum(weights.values())
    return {value: weight / total for value, weight in weights.items()}


def _slots(found: CandidateSet) -> list[tuple[str, int, dict[str, float]]]:
    """(attribute, mention, value -> share of its written form), one slot of the set after another.

    Members stand in the order of the product of the slots' values. For each slot the members that
    differ in it alone are compared, the other slots standing at the value found likeliest so far.
    """
    sizes = [len(slot.values) for slot in found.attributes]
    strides = [prod(sizes[i + 1 :]) for i in range(len(sizes))]
    base = 0
    slots: list[tuple[str, int, dict[str, float]]] = []
    for _ in range(2 if len(sizes) > 1 else 1):
        slots = []
        for slot, size, stride in zip(found.attributes, sizes, strides, strict=True):
            start = base - base // stride % size * stride
            members = [start + i * stride for i in range(size)]
            likelihoods = _forms(slot.name, slot.values, [_member(found, i) for i in members])
            best = max(range(size), key=lambda i: likelihoods[slot.values[i]])
            base = members[best]
            slots.append((slot.name, slot.mention, likelihoods))
    return slots


def _member(found: CandidateSet, index: int) -> list[str]:
    text = found.prompts[index]
    if found.negatives:
        text = f"{text} {found.negatives[index]}"
    return text.lower().split()


def _forms(name: str, values: Sequence[str], members: list[list[str]]) -> dict[str, float]:
    """How likely each value is, judged by how often its own words are written in public texts."""
    counts = _counts()
    common = set(members[0]).intersection(*members[1:])
    shares = counts.shares.get(name, {})
    known = sum(shares.get(value, 0.0) for value in values)
    even = 1.0 / len(values)
    prior = {value: shares[value] / known if value in shares else even for value in values}
    scores = {}
    for value, member in zip(values, members, strict=True):
        own = dict.fromkeys(w for part in member if part not in common for w in words_in(part))
        words = [word for word in own if word not in _ARTICLES]
        if not words:  # "unspecified" has no word of its own, so nothing can be compared
            whole = sum(prior.values())
            return {v: p / whole for v, p in prior.items()}
        nouns = [word for word in words if word not in _PRONOUNS]
        scores[value] = _written(nouns or words)
    total = sum(scores.values()) + FORM_PULL
    raw = {value: (scores[value] + FORM_PULL * prior[value]) / total for value in values}
    whole = sum(raw.values())
    return {value: p / whole for value, p in raw.items()}


def _written(words: list[str]) -> float:
    """How often a form is written; for one never seen, how often its words would meet by chance."""
    counts = _counts()
    seen = counts.forms.get(" ".join(words)) if len(words) > 1 else counts.singles.get(words[0])
    if seen:
        return float(seen)
    chance = counts.written * prod(
        (counts.singles.get(word, 0) + UNSEEN) / counts.written for word in words
    )
    return min(UNSEEN, chance)

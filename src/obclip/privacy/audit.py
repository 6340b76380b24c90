"""Measures the transform over many prompts: what is found, what is refused, what is still guessed.

Protects: the user's trust, by figures in place of claims: recall and precision against labels made
by hand, refusals by reason, set sizes, and the guesses that remain.
Does not protect: prompts unlike the measured ones. A word that no label names is not missed here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from obclip.errors import ObclipError, PromptRefused
from obclip.privacy.candidates import Expansion, expand
from obclip.privacy.leakage import report
from obclip.privacy.settings import PrivacySettings

__all__ = ["Audit", "BadLine", "Label", "Prompt", "Score", "measure", "read_labels", "read_prompts"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a file: its line (from 1), its id (the line if it has none), its text."""

    line: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read, and why; the others are still measured."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Label:
    """A mention found by hand; offsets into the original text, end excluded."""

    attributes: tuple[str, ...]
    text: str
    start: int
    end: int
    optional: bool


@dataclass(frozen=True, slots=True)
class Score:
    """One attribute against the labels. ``found`` of ``labelled``, ``right`` of ``reported``."""

    labelled: int = 0
    found: int = 0
    reported: int = 0
    right: int = 0

    @property
    def recall(self) -> float | None:
        return self.found / self.labelled if self.labelled else None

    @property
    def precision(self) -> float | None:
        return self.right / self.reported if self.reported else None


@dataclass(slots=True)
class Audit:
    """The measurements. ``due`` counts refusals that a label says a rule demands."""

    prompts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    due: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    mentioning: Counter[str] = field(default_factory=Counter)
    sizes: list[int] = field(default_factory=list)
    guesses: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    misses: list[tuple[str, str, str, str]] = field(default_factory=list)
    false_hits: list[tuple[str, str, str, str]] = field(default_factory=list)
    refusals: list[tuple[str, str, str, bool]] = field(default_factory=list)


def read_prompts(lines: Iterable[str], as_rows: bool) -> tuple[list[Prompt], list[BadLine]]:
    """Prompts of a file: JSON rows with a "text" when ``as_rows``, else one prompt a line."""
    prompts: list[Prompt] = []
    bad: list[BadLine] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if not as_rows:
            prompts.append(Prompt(number, str(number), line.strip()))
            continue
        row = _row(line)
        text = row.get("text")
        if not isinstance(text, str):
            bad.append(
                BadLine(number, f'expected a JSON object with "text", got {line.strip()[:40]!r}')
            )
            continue
        prompts.append(Prompt(number, str(row.get("id", number)), text))
    return prompts, bad


def read_labels(
    lines: Iterable[str],
) -> tuple[dict[str, tuple[tuple[Label, ...], bool]], list[BadLine]]:
    """Labels by prompt id, with whether a rule demands a refusal (tests/data/LABELS.md)."""
    found: dict[str, tuple[tuple[Label, ...], bool]] = {}
    bad: list[BadLine] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(line)
        try:
            found[str(row["id"])] = (
                tuple(
                    Label(
                        (one["attribute"], *one.get("also", ())),
                        one["text"], int(one["start"]), int(one["end"]), bool(one.get("optional")),
                    )
                    for one in row["mentions"]
                ),
                row.get("rule") is not None,
            )  # fmt: skip
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            bad.append(
                BadLine(number, f"expected id and mentions, got {type(error).__name__}: {error}")
            )
    return found, bad


def _row(line: str) -> dict[str, Any]:
    """The JSON object on a line; empty when there is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def measure(
    prompts: Sequence[Prompt],
    settings: PrivacySettings | None = None,
    labels: Mapping[str, tuple[tuple[Label, ...], bool]] | None = None,
) -> Audit:
    """Expands every prompt and adds up what happens; a refusal is a measurement, not an error."""
    settings = settings or PrivacySettings()
    audit = Audit()
    known = settings.protected()
    for prompt in prompts:
        audit.prompts += 1
        own, due = (labels or {}).get(prompt.id, ((), False))
        try:
            expansion = expand(prompt.text, settings)
        except PromptRefused as error:
            audit.refused[error.code] += 1
            audit.due += due
            audit.refusals.append((prompt.id, error.code, error.text, due))
            continue
        _add(audit, expansion)
        if labels is not None and prompt.id in labels:
            _score(
                audit, prompt, expansion, [one for one in own if set(one.attributes) & set(known)]
            )
    return audit


def _add(audit: Audit, expansion: Expansion) -> None:
    audit.sizes.append(expansion.candidates.n)
    named = Counter(name for mention in expansion.mentions for name in set(mention.attributes))
    audit.mentions.update(named)
    audit.mentioning.update(named.keys())
    for name, guess in report(expansion).best_guess.items():
        audit.guesses.setdefault(name, []).append(guess)


def _score(audit: Audit, prompt: Prompt, expansion: Expansion, labels: Sequence[Label]) -> None:
    place = _places(prompt.text, expansion.normalised)
    spans = [(place[one.start], place[one.end - 1] + 1, one) for one in labels]
    hits = [
        (mention.start, mention.end, name, mention.text)
        for mention in expansion.mentions
        for name in dict.fromkeys(mention.attributes)
    ]
    for start, end, one in spans:
        if one.optional:
            continue
        name = one.attributes[0]
        found = any(s < end and start < e and n in one.attributes for s, e, n, _ in hits)
        audit.scores[name] = _plus(audit.scores.get(name), labelled=1, found=int(found))
        if not found:
            audit.misses.append((prompt.id, name, one.text, prompt.text))
    for start, end, name, text in hits:
        right = any(s < end and start < e and name in one.attributes for s, e, one in spans)
        audit.scores[name] = _plus(audit.scores.get(name), reported=1, right=int(right))
        if not right:
            audit.false_hits.append((prompt.id, name, text, prompt.text))


def _plus(old: Score | None, **more: int) -> Score:
    old = old or Score()
    return Score(
        old.labelled + more.get("labelled", 0), old.found + more.get("found", 0),
        old.reported + more.get("reported", 0), old.right + more.get("right", 0),
    )  # fmt: skip


def _places(text: str, normalised: str) -> list[int]:
    """For every character of ``text``, where it stands in ``normalised`` (or would stand)."""
    if text == normalised:
        return list(range(len(text)))
    from difflib import SequenceMatcher

    place = [0] * len(text)
    for _, a1, a2, b1, b2 in SequenceMatcher(None, text, normalised, autojunk=False).get_opcodes():
        for i in range(a1, a2):
            place[i] = min(b1 + i - a1, max(b1, b2 - 1))
    return place


def share(values: Sequence[float], at: float) -> float:
    """The value below which a share ``at`` (0 to 1) of the sorted values lies."""
    if not values:
        raise ObclipError("no values to take a quantile of", code="audit", got=0, expected="some")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(at * len(ordered)))]

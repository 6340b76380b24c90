"""The fixed benchmark of the bundled pair: prompts, seeds, and what each candidate asks for.

Made once by ``training/benchmark.py``. ``tuning`` is for choosing plans, ``benchmark`` for
reporting them, ``ages`` for what is rare there (children, the elderly); they share no prompt. The
words of the transform's values are translated into the judge's classes here, and a value that the
judge knows no class for is not scored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path

from obclip.errors import RequestError
from obclip.privacy import CandidateSet, PrivacySettings, expand

FOLDER = Path(__file__).resolve().parent / "data"
FILES = ("benchmark", "tuning", "ages")
#: The attributes that the mini world draws.
PROTECT = ("gender", "age", "skin_tone")
#: Attributes that a candidate may ask for, in the order they are reported.
SCORED = ("gender", "age", "tone", "concept", "style")
_JUDGED = {"gender": "gender", "age": "age", "skin_tone": "tone"}
_AGES = {"child": "child", "young": "adult", "middle-aged": "adult", "elderly": "elderly"}
#: The concepts that are nothing but an age: another age of them is another concept.
PORTRAITS = {"child": "child", "adult": "person", "elderly": "elder"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One prompt of the file. ``held_out``: a combination that the generators never saw."""

    prompt: str
    seed: int
    kind: str
    held_out: bool
    concept: str
    style: str | None
    background: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """An entry with its candidate set.

    ``own`` is the position of the entry's prompt; ``asked`` holds, candidate by candidate, the
    judge's class of every attribute that the candidate's text asks for.
    """

    entry: Entry
    candidates: CandidateSet
    own: int
    asked: tuple[dict[str, str], ...]


def entries(name: str = "benchmark") -> list[Entry]:
    """All prompts of ``benchmark``, ``tuning`` or ``ages``, in the file's fixed random order.

    Raises:
        RequestError: another name.
    """
    file = FOLDER / f"{name}.jsonl"
    if name not in FILES:
        raise RequestError(
            "no such prompt file", code="bad_benchmark", got=name, expected=", ".join(FILES)
        )
    return [Entry(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def case(entry: Entry, settings: PrivacySettings | None = None) -> Case:
    """Expands an entry (all of ``PROTECT`` unless told); works out what each member asks for."""
    expansion = expand(entry.prompt, settings or PrivacySettings(protect=PROTECT))
    candidates = expansion.candidates
    asked = tuple(_asked(entry, values(candidates, i)) for i in range(candidates.n))
    return Case(entry, candidates, expansion.choice.reveal(), asked)


def values(candidates: CandidateSet, index: int) -> dict[str, str]:
    """The values of one candidate, by attribute; of several mentions, the first one's.

    Raises:
        RequestError: the set is no product of its attributes, so that position says nothing.
    """
    sizes = [len(a.values) for a in candidates.attributes]
    if prod(sizes) != candidates.n:
        raise RequestError(
            "not a product set", code="bad_set", got=f"{candidates.n} candidates",
            expected=f"{prod(sizes)}",
        )  # fmt: skip
    out: dict[str, str] = {}
    for attribute in reversed(candidates.attributes):
        index, place = divmod(index, len(attribute.values))
        out[attribute.name] = attribute.values[place]
    return out


def _asked(entry: Entry, found: dict[str, str]) -> dict[str, str]:
    out = {"concept": entry.concept}
    if entry.style is not None:
        out["style"] = entry.style
    for name, value in found.items():
        out[_JUDGED[name]] = _AGES[value] if name == "age" else value
    if "age" in out:
        if entry.concept in PORTRAITS.values():
            out["concept"] = PORTRAITS[out["age"]]
        elif out["age"] != "adult":  # the mini world has no child mechanics, no elderly pilots
            del out["age"]
    return out

"""What is drawn: candidate sets of a given N with one member asked for.

``benchmark`` is the bundled pair's own world, with the judge's classes for every member.
``portraits`` are ten templates after the paper's (ages x genders x ethnicities: 30 combinations),
in words of our own: two of the paper's give the gender away outside its slot, so they cannot be
quoted. Files of captions (COCO's or MJHQ's JSON, JSON lines, plain text) are read by path.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from obclip.errors import ObclipError, RequestError
from obclip.evaluation.benchmark import Case, case, entries
from obclip.privacy import CandidateSet, PrivacySettings, expand

#: N -> what is protected. Ages in three values as in the paper: the published group of the grown.
SETTINGS: dict[int, PrivacySettings] = {
    2: PrivacySettings(protect=("gender",)),
    6: PrivacySettings(protect=("gender", "age"), groups={"age": "grown"}),
    30: PrivacySettings(protect=("gender", "age", "skin_tone"), groups={"age": "grown"}),
}

TEMPLATES = (
    "a studio portrait of {a} {e} {g}, soft window light, sharp focus",
    "{a} {e} {g} reading a newspaper in a street cafe, photograph",
    "close-up photo of {a} {e} {g} with freckles, 85 mm lens",
    "{a} {e} {g} in a yellow raincoat on a pier, overcast sky",
    "black and white photograph of {a} {e} {g} laughing",
    "{a} {e} {g} in a library, shelves behind, warm lamp light",
    "oil painting of {a} {e} {g} in a dark green coat",
    "{a} {e} {g} hiking in the mountains at sunrise, wide shot",
    "passport photo of {a} {e} {g}, plain background, even light",
    "{a} {e} {g} cooking in a small kitchen, candid photo",
)
_AGES = ("a young", "a middle-aged", "an old")
_GENDERS = ("man", "woman")
_ETHNICITIES = ("caucasian", "african", "asian", "indian", "european")


@dataclass(frozen=True, slots=True)
class Set:
    """One candidate set; ``asked`` holds the judge's classes of the own member, if it knows any."""

    name: str
    candidates: CandidateSet
    own: int
    seed: int
    asked: dict[str, str]

    @property
    def prompt(self) -> str:
        return self.candidates.prompts[self.own]


def portraits() -> list[str]:
    """The 300 prompts of the ten templates, templates outermost."""
    return [
        template.format(a=a, e=e, g=g)
        for template, a, g, e in product(TEMPLATES, _AGES, _GENDERS, _ETHNICITIES)
    ]


def sets(source: str, n: int, count: int) -> list[Set]:
    """``count`` sets of ``n`` members, the same ones every time.

    Args:
        source: ``benchmark``, ``portraits`` or the path of a file of captions.

    Raises:
        RequestError: an N that is not offered, an unreadable file, or too few prompts.
    """
    if n not in SETTINGS:
        raise RequestError("no such N", code="bad_n", got=n, expected=f"one of {list(SETTINGS)}")
    found: list[Set] = []
    if source == "benchmark":
        for entry in entries():
            if entry.kind == "held-out" and len(found) < count:
                made = _of_case(case(entry, SETTINGS[n]), case(entry), n)
                found += [made] if made is not None else []
    else:
        texts = portraits() if source == "portraits" else captions(Path(source))
        order = Random(7).sample(range(len(texts)), len(texts))  # noqa: S311
        for i in order:
            if len(found) == count:
                break
            made = _of_text(texts[i], n, i)
            found += [made] if made is not None else []
    if len(found) < count:
        raise RequestError(
            f"too few prompts whose set has {n} members", code="bad_count", got=count,
            expected=f"at most {len(found)} of {source}",
        )  # fmt: skip
    return found


def _of_case(narrow: Case, whole: Case, n: int) -> Set | None:
    """The set of size ``n``; what it leaves in clear is asked for as the whole prompt asks."""
    if narrow.candidates.n != n:
        return None
    asked = {**whole.asked[whole.own], **narrow.asked[narrow.own]}
    entry = narrow.entry
    return Set(entry.prompt, narrow.candidates, narrow.own, entry.seed, asked)


def _of_text(text: str, n: int, seed: int) -> Set | None:
    try:
        expansion = expand(text, SETTINGS[n])
    except ObclipError:
        return None  # a prompt that cannot be closed is drawn by no private method
    if expansion.candidates.n != n:
        return None
    return Set(text, expansion.candidates, expansion.choice.reveal(), 1_000 + seed, {})


_KEYS = ("caption", "prompt", "text")


def captions(file: Path) -> list[str]:
    """Captions of a file: COCO ``{"annotations": [{"caption"}]}``, MJHQ ``{id: {"prompt"}}``,
    JSON lines with ``prompt``, ``text`` or ``caption``, or a text a line.

    Raises:
        RequestError: unreadable or empty.
    """
    try:
        raw = file.read_text("utf-8")
        found = _texts(raw) if file.suffix in (".json", ".jsonl") else raw.splitlines()
    except (OSError, ValueError, TypeError) as error:
        why = type(error).__name__ if isinstance(error, OSError | UnicodeError) else str(error)
        raise RequestError(
            "the prompt file cannot be read", code="bad_prompts",
            got=f"{file}: {why}",
            expected="COCO or MJHQ JSON, JSON lines, or a text a line",
        ) from None  # fmt: skip
    texts = [t.strip() for t in found if t.strip()]
    if not texts:
        raise RequestError("no prompts in that file", code="bad_prompts", got=str(file))
    return texts


def _texts(raw: str) -> list[str]:
    try:
        data: Any = json.loads(raw)
    except ValueError:
        data = [_row(line, i + 1) for i, line in enumerate(raw.splitlines()) if line.strip()]
    if isinstance(data, dict):
        one = any(key in data for key in _KEYS)  # a single line of JSON lines
        data = [data] if one else data.get("annotations", list(data.values()))
    return [row if isinstance(row, str) else _text(row, i + 1) for i, row in enumerate(data)]


def _row(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise ValueError(f"line {number} is no JSON") from None


def _text(row: Any, number: int) -> str:
    for key in _KEYS:
        if isinstance(row, dict) and isinstance(row.get(key), str):
            return str(row[key])
    raise ValueError(f"entry {number} has no text under {', '.join(_KEYS)}")

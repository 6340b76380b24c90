"""Latina and Filipina before a noun, brought to the spelling whose partners are natural.

Protects: "a Filipina nurse" is read as "a Filipino female nurse" and "a Latina doctor" as "a Latin
female doctor", so that every member has an adjective and no member a noun where an adjective
stands. Does not protect: either word without a noun behind it, which is a noun of its own row.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge
from obclip.privacy.lexicon import Lexicon
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import scan

# word -> (adjective, gender); Latina before a noun of gender agrees with it (see persons.py).
_ADJECTIVES = {
    "latina": ("Latin", "woman"),
    "latino": ("Latin", "man"),
    "filipina": ("Filipino", "woman"),
}
_SAID = {"woman": "female", "man": "male"}


def apart(text: str, table: Lexicon) -> str:
    """A prompt with its fused adjectives taken apart. Idempotent.

    Raises:
        PromptRefused: the word and its noun say two genders.
    """
    low = text.lower()
    if not any(word in low for word in _ADJECTIVES):
        return text
    units = scan(text, table)
    judge = Judge(units)
    out, last = [], 0
    for i, unit in enumerate(units):
        adjective, gender = _ADJECTIVES.get(unit.low, ("", ""))
        noun = _noun(judge, i) if adjective and unit.row is not None else -1
        if noun < 0:
            continue
        row = units[noun].row
        if row is not None and "gender" in row.attributes:
            if unit.low != "filipina":
                continue
            if row.kind != "name" and units[noun].values[0] != gender:
                raise refuse(
                    "contradiction",
                    f"{unit.text!r} and {units[noun].text!r} say two genders",
                    unit.text,
                )
            words = adjective
        else:
            words = f"{adjective} {_SAID[gender]}"
        out += [text[last : unit.start], words.upper() if unit.text.isupper() else words]
        last = unit.end
    return "".join([*out, text[last:]])


def _noun(judge: Judge, i: int) -> int:
    """The person noun that follows, adjectives and nouns of its compound between, or -1."""
    j = i + 1
    while j < len(judge.units) and judge.units[j].gap:
        if judge.is_person(j):
            return -1 if judge.units[j].row is None and judge.belongs_to_thing(j) else j
        if not judge.modifier(j):
            return -1
        j += 1
    return -1

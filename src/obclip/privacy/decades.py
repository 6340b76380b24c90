"""Decades of a life ("in her 30s", "in his late forties", "a woman in her mid-twenties").

Protects: the decade, its pronoun and the noun before them change together. Does not protect:
decades of a century ("the 80s", "a 1920s dress"), which stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import ages
from obclip.privacy.judge import GENDER_HEADS
from obclip.privacy.normalise import refuse
from obclip.privacy.persons import gender_part
from obclip.privacy.phrases import drop_word

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_PARTS = frozenset(["early", "mid", "late", "-"])
_REACH = 4


def claim_decades(a: Analyser, taken: dict[int, list[int]]) -> None:
    """Every decade of a person; ``taken`` are nouns that another age word speaks of."""
    for i, unit in enumerate(a.units):
        if unit.figure is None and ages.any_decade(unit.low):
            _claim(a, i, taken)


def _claim(a: Analyser, i: int, taken: dict[int, list[int]]) -> None:
    units = a.units
    j = i - 1
    while j >= 0 and units[j].low in _PARTS:
        j -= 1
    part_of = any(unit.low.isalpha() for unit in units[j + 1 : i])  # early, mid, late
    owned = (
        j >= 1 and units[j - 1].low == "in" and (units[j].key == "her*" or units[j].low == "their")
    )
    noun = _noun(a, j - 2) if owned else -1 if part_of else _before_noun(a, i)
    if owned and noun >= 0 and units[j].key == "her*":
        a.bound[j] = noun
    row = units[noun].row if noun >= 0 else None
    family = row is not None and row.kind == "fam" and a.judge.adjunct(noun) < 0
    if family and noun in taken:
        age = ages.decade(units[i].low, units[noun].values[-1])
        if drop_word(a, noun, taken[noun], i, age[1] if age else "") == taken[noun][0]:
            del taken[noun]
    if family and noun not in taken:
        linked = noun not in a.parts and not _modified(a, noun)
    else:
        linked = False
    if linked:
        form = units[noun].values[-1]
        found = ages.decade(units[i].low, form)
        if found is None:
            raise refuse(
                "contradiction",
                f"{units[i].text!r} and {units[noun].text!r} say two ages",
                units[i].text,
            )
    else:
        found = ages.decade(units[i].low)
        if found is None or not (owned or noun >= 0 or _plain(a, i, j, found[0], part_of)):
            return
    units[i].unmask()
    units[i].key = "~decade"
    part = a.claim("age", found[1], i, ages.AGES)
    a.put(i, "decade", found[0], [part])
    if linked and row is not None:
        if part[1] is not None:
            a.age_of.setdefault(a.canon(noun), part[1])
        parts = gender_part(a, noun, row)
        series = "girl" if found[0].startswith("girl") else "woman"
        a.put(noun, "noun", row.name, [*parts, part], ("figure", series), row.plural)


def _noun(a: Analyser, end: int) -> int:
    """The person noun shortly before "in her 30s", or -1."""
    for j in range(end, max(-1, end - _REACH), -1):
        if a.units[j].low in a.judge.classes["clause"] or a.units[j].key in ("she*", "her*"):
            return -1
        if a.judge.is_person(j):
            return j
    return -1


def _before_noun(a: Analyser, i: int) -> int:
    """As in "40s woman": the noun right behind a decade, or -1.

    "from the 80s" and "1920s" are no such decades, and "an 80s rock star" is not one of gender.
    """
    if i + 1 >= len(a.units) or not a.units[i + 1].gap:
        return -1
    said = _gendered(a, i + 1) or a.units[i + 1].key in GENDER_HEADS
    return i + 1 if said else -1


def _gendered(a: Analyser, i: int) -> bool:
    row = a.units[i].row
    return row is not None and row.kind == "fam" and bool(row.attributes)


def _modified(a: Analyser, noun: int) -> bool:
    """Whether a noun or adjective of age stands right before (teenage girl)."""
    row = a.units[noun - 1].row if noun and noun - 1 not in a.swallowed else None
    return row is not None and row.attributes == ("age",)


def _plain(a: Analyser, i: int, j: int, form: str, part_of: bool) -> bool:
    """As in "a mid-30s man", "woman, early 40s", "a man in 20s": no pronoun, but of a person."""
    if form not in ("figures", "words"):
        return False
    if part_of and a.judge.head(i) >= 0:
        return True
    if not a.judge.ends(i + 1):
        return False
    closed = i + 1 < len(a.units) and a.units[i + 1].low == ")"
    if closed and j > 0 and a.units[j].low == "(":  # "man (30s)"
        return a.judge.is_person(j - 1)
    if i and (a.units[i - 1].key in GENDER_HEADS or _gendered(a, i - 1)):
        styled = i + 1 < len(a.units) and a.units[i + 1].low in ("style", "look", "art")
        return a.units[i].gap and not styled  # "male 40s"
    if part_of:
        return any(a.judge.is_person(k) for k in range(max(0, j - 1), j + 1))
    if i < 2 or a.units[i - 1].low not in ("in", ",", "-"):
        return False
    row = a.units[i - 2].row
    tagged = a.units[i - 1].low != "in" and row is not None and row.kind == "adj"
    return a.judge.is_person(i - 2) or tagged  # "man - Korean - 30s"

"""Ages in bare figures: "man (45)", "a woman, 45, smiling", "a man of 60", "she is 25".

Protects: a number that stands where an age stands, right behind a person, is read as one. Which
numbers do is read from the masked words around them. Does not protect: numbers elsewhere.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import Unit
from obclip.privacy.things import ORIGIN

KEY = "#bare"
_ABOUT = frozenset(["over", "under", "about", "around", "nearly", "almost", "of"])
_YEARS = frozenset(["years", "yrs", "year", "yr"])
_OLDEST = 110
_PARTS = frozenset([".", "/", ":", "%", "-", "to", "of"])
_BEING = frozenset(
    ["is", "'s", "was", "are", "'re", "were", "be", "been", "isn't", "wasn't", "aren't", "turned",
     "turns", "turning", "turn", "becomes", "became", "looks", "look", "looked"]
)  # fmt: skip
#: What may stand between a person, such a verb and the number.
_BETWEEN = frozenset(
    ["now", "just", "only", "about", "around", "almost", "nearly", "over", "under", "already",
     "barely", "still", "roughly", "currently", "has", "have", "had", "soon", "recently", "both",
     "approximately", "well", "all", "each", "will", "would", "going", "to", "not", "yet",
     "exactly", "probably", "nowadays", "finally"]
)  # fmt: skip
_TOGETHER = frozenset(["both", "each", "all"])
#: What may follow such a number, beside what ends a phrase anywhere.
_AFTER = frozenset(["today", "now", "anymore", "for", "next", "this", "tomorrow", "soon", "again"])
_WHO = frozenset(["who", "that"])


def mark_bare_ages(judge: Judge) -> None:
    """Turn bare numbers behind a person into ages in figures."""
    units = judge.units
    for i, unit in enumerate(units):
        if i < 1 or unit.row is not None or not unit.low.isdecimal() or len(unit.low) > 3:
            continue
        at = mark_of(units, i)
        if at < 1 or not 3 <= int(unit.low) <= _OLDEST or not _said_of(judge, at - 1):
            continue
        mark = units[at].low
        end = i + 1
        if end < len(units) and units[end].low in _YEARS:
            end += 1
        after = units[end].low if end < len(units) else ""
        if (
            (at == i and after in (",", ".", "", ")", "]", "|", ";"))
            or (mark == "(" and after in (")", ","))
            or (mark == "," and after in (",", ".", "", ")", "|", ";") and len(unit.low) < 3)
            or (mark in _ABOUT and (judge.ends(end) or after.endswith("ing")))
        ):
            unit.figure = ("", "", int(unit.low))
            unit.key = KEY
    _predicates(judge)


def mark_of(units: list[Unit], i: int) -> int:
    """Index of what stands between a person and its bare number ("(", ",", ", both"), or i."""
    row = units[i - 1].row
    if row is not None and row.kind == "fam" and units[i].gap:
        return i  # "woman 25, blonde"
    return i - 1 - (units[i - 1].low in _TOGETHER)


def _said_of(judge: Judge, i: int) -> bool:
    """A person, or a tag that describes one ("woman, Asian, 30")."""
    row = judge.units[i].row
    described = row is not None and row.kind == "adj" and judge.units[i + 1].low == ","
    return judge.is_person(i) or described


def _predicates(judge: Judge) -> None:
    """As in "she is 25", "he turned 50": a number said of a person, and nothing behind it."""
    units = judge.units
    for i, unit in enumerate(units):
        if i < 2 or unit.figure is not None or not unit.low.isdecimal() or len(unit.low) > 3:
            continue
        if not 1 <= int(unit.low) <= _OLDEST or subject(judge, i) < 0:
            continue
        after = [unit.low for unit in units[i + 1 : i + 3]]
        part = after[:1] != [] and after[0] in _PARTS and after != ["of", "course"]
        if _several(units, i + 1):
            raise refuse(
                "age_figure", f"after the age {unit.text!r} another one is said", unit.text,
                "say one age for all, or describe each person by itself",
            )  # fmt: skip
        closed = judge.ends(i + 1) or _origin(units, i + 1) or after[0] in _AFTER
        if closed and not part:
            unit.figure = ("", "", int(unit.low))
            unit.key = KEY


def subject(judge: Judge, i: int) -> int:
    """Of whom unit i is said, by a verb: "she is now 25", "a man, who is 25"; -1 of nobody."""
    units, j = judge.units, i - 1
    said = False
    while j >= 0 and (units[j].low in _BEING or units[j].low in _BETWEEN):
        said = said or units[j].low in _BEING
        j -= 1
    if said and j > 1 and [units[j - 1].low, units[j].low] == ["whose", "age"]:
        j -= 1
    if said and j > 0 and units[j].low in (*_WHO, "whose"):
        j -= 2 if units[j - 1].low == "," else 1
    if not said or j < 0:
        return -1
    return j if units[j].key == "she*" or judge.is_person(j) else -1


def _several(units: list[Unit], i: int) -> bool:
    """As in "20, 30 and 40": ages of several persons, or what is left of a range."""
    marks = [unit.low for unit in units[i : i + 2]]
    number = marks[1:] if marks[:1] and marks[0] in (",", "and", "or", "to", "-") else []
    if not number or not number[0].isdecimal() or not 3 <= int(number[0]) <= _OLDEST:
        return False
    return i + 2 >= len(units) or units[i + 2].low in (",", ".", "and", "or", "with", "in")


def _origin(units: list[Unit], i: int) -> bool:
    row = units[i].row if i < len(units) else None
    return row is not None and row.name.startswith(ORIGIN)

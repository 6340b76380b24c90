"""Ages in bare figures: "man (45)", "a woman, 45, smiling", "a man of 60", "she is 25".

Protects: a number that stands where an age stands, right behind a person, is read as one. Which
numbers do is read from the masked words around them. Does not protect: numbers elsewhere.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge
from obclip.privacy.scan import Unit
from obclip.privacy.things import ORIGIN

KEY = "#bare"
_ABOUT = frozenset(["over", "under", "about", "around", "nearly", "almost", "of"])
_YEARS = frozenset(["years", "yrs", "year", "yr"])
_OLDEST = 110
_PARTS = frozenset([".", "/", ":", "%", "-", "to", "of"])
_BEING = frozenset(["is", "'s", "was", "turned", "turns", "turning", "becomes", "became"])
#: What may stand between a person, such a verb and the number.
_BETWEEN = frozenset(
    ["now", "just", "only", "about", "around", "almost", "nearly", "over", "under", "already",
     "barely", "still", "roughly", "currently", "has", "have", "had", "soon"]
)  # fmt: skip
_WHO = frozenset(["who", "that"])


def mark_bare_ages(judge: Judge) -> None:
    """Turn bare numbers behind a person into ages in figures."""
    units = judge.units
    for i, unit in enumerate(units):
        if i < 2 or unit.row is not None or not unit.low.isdecimal() or len(unit.low) > 3:
            continue
        if not 3 <= int(unit.low) <= _OLDEST or not _said_of(judge, i - 2):
            continue
        mark = units[i - 1].low
        end = i + 1
        if end < len(units) and units[end].low in _YEARS:
            end += 1
        after = units[end].low if end < len(units) else ""
        if (
            (mark == "(" and after in (")", ","))
            or (mark == "," and after in (",", ".", "", ")", "|", ";") and len(unit.low) < 3)
            or (mark in _ABOUT and (judge.ends(end) or after.endswith("ing")))
        ):
            unit.figure = ("", "", int(unit.low))
            unit.key = KEY
    _predicates(judge)


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
        if not 3 <= int(unit.low) <= _OLDEST or subject(judge, i) < 0:
            continue
        after = [unit.low for unit in units[i + 1 : i + 3]]
        part = after[:1] != [] and after[0] in _PARTS and after != ["of", "course"]
        if (judge.ends(i + 1) or _origin(units, i + 1)) and not part:
            unit.figure = ("", "", int(unit.low))
            unit.key = KEY


def subject(judge: Judge, i: int) -> int:
    """Of whom unit i is said, by a verb: "she is now 25", "a man, who is 25"; -1 of nobody."""
    units, j = judge.units, i - 1
    said = False
    while j >= 0 and (units[j].low in _BEING or units[j].low in _BETWEEN):
        said = said or units[j].low in _BEING
        j -= 1
    if said and j > 0 and units[j].low in _WHO:
        j -= 2 if units[j - 1].low == "," else 1
    if not said or j < 0:
        return -1
    return j if units[j].key == "she*" or judge.is_person(j) else -1


def _origin(units: list[Unit], i: int) -> bool:
    row = units[i].row if i < len(units) else None
    return row is not None and row.name.startswith(ORIGIN)

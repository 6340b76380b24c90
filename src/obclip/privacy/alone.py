"""Adjectives with no noun behind them that still speak of a person.

Protects: "she is elderly", "portrait, elderly, smiling", "two Chinese", "someone blind" are
mentions, read from the masked words around them. Does not protect: a construction that is not
listed here.
"""

from __future__ import annotations

from obclip.privacy.judge import COLOUR, Judge

_DETERMINERS = frozenset(
    ["a", "an", "the", "two", "three", "four", "five", "some", "many", "several", "few"]
)
_GROUPS = frozenset(["group", "crowd", "couple", "bunch", "row", "line", "pair", "team", "gang"])
_PEOPLE_WORDS = frozenset(["someone", "somebody", "anyone", "anybody", "everyone", "everybody"])
_REBORN = frozenset(["born", "-", "again"])


def alone(judge: Judge, i: int) -> bool:
    """Whether an adjective without a noun after it still speaks of a person."""
    if not judge.ends(i + 1) and not _running(judge, i + 1):
        return False
    if i and judge.units[i - 1].low in _PEOPLE_WORDS:
        return True  # "someone blind"
    return _predicate(judge, i) or _tag(judge, i) or _as_noun(judge, i)


def _running(judge: Judge, i: int) -> bool:
    unit = judge.units[i]
    if unit.row is not None:  # "who is blind walking with a cane"
        return all(form.split()[0].endswith("ing") for form in unit.row.forms.values())
    return unit.low.endswith("ing") and unit.low not in judge.things


def _predicate(judge: Judge, i: int) -> bool:
    """After a verb of being, with a person or a pronoun before it in the sentence."""
    j = i - 1
    while j >= 0 and (
        judge.adjectival(j) or judge.units[j].low in ("and", ",", "not", "very", "so", "both")
    ):
        j -= 1
    if j < 0 or (judge.units[j].low not in judge.classes["aux"] and judge.units[j].low != "'s"):
        return False
    if j == 0 or judge.units[j - 1].low in judge.things:
        return False
    if judge.units[i].key in COLOUR:
        before = judge.units[j - 1]
        return judge.is_person(j - 1) or (before.row is not None and before.row.kind == "pronoun")
    while j > 0 and judge.units[j - 1].low not in judge.classes["clause"]:
        j -= 1
        unit = judge.units[j]
        if judge.is_person(j) or (unit.row is not None and unit.row.kind == "pronoun"):
            owner = unit.row is None or unit.row.kind != "pronoun"  # "she's" is "she is"
            return not owner or judge.units[j + 1].low != "'s" or not judge.units[j + 2 : j + 3]
    return False


def _tag(judge: Judge, i: int) -> bool:
    """Between commas ("portrait, elderly, smiling"); colours only right after a person."""
    units = judge.units
    first = i  # of "tall and black"
    if i > 1 and units[i - 1].low in ("and", "&") and judge.adjectival(i - 2):
        first = i - 2
    before = first == 0 or units[first - 1].low in (",", "(", "|")
    after = i + 1 == len(units) or units[i + 1].low in (",", ")", "|", ".", ":")
    if not after and units[i + 1].low in ("and", "&"):  # "a man, old and wise"
        after = i + 2 < len(units) and judge.adjectival(i + 2) and judge.ends(i + 3)
    if not (before and after):
        return False
    if units[i].key in COLOUR:
        return _behind_person(judge, first)
    return judge.tags or any(judge.is_person(j) for j in range(len(units)))


def _behind_person(judge: Judge, i: int) -> bool:
    """As in "man, black", "woman, ((brown:1.1))": the tag right before is a person."""
    j = i - 1
    while j >= 0 and judge.units[j].low == "(":
        j -= 1
    while j > 0 and judge.units[j - 1].low == ")":
        j -= 1
    return j > 0 and judge.is_person(j - 1)


def _as_noun(judge: Judge, i: int) -> bool:
    """As in "an African", "the blind", "two Chinese"."""
    if i == 0 or judge.units[i].key in COLOUR:
        return False
    j = i - 1
    row = judge.units[i].row
    while j > 0 and row is not None and row.attributes[0] != "disability":
        if not (judge.adjectival(j) or judge.units[j].low in _REBORN):
            break
        j -= 1  # "a devout Muslim", "a born-again Christian"; not "a white blind"
    before = judge.units[j]
    if before.row is not None:
        return j == 0 and before.row.kind == "age"  # "elderly Chinese playing chess"
    if before.low == "of" and j and judge.units[j - 1].low in _GROUPS:
        return True
    return before.low in _DETERMINERS

"""Adjectives with no noun behind them that still speak of a person.

Protects: "she is elderly", "portrait, elderly, smiling", "two Chinese", "someone blind" are
mentions, read from the masked words around them. Does not protect: a construction that is not
listed here.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge
from obclip.privacy.origins import COLOUR, determined, running

_PEOPLE_WORDS = frozenset(["someone", "somebody", "anyone", "anybody", "everyone", "everybody"])
_LINEAGE = frozenset(
    ["descent", "origin", "origins", "heritage", "ancestry", "faith", "background", "roots",
     "blood", "extraction", "parentage", "stock"]
)  # fmt: skip
_LABELS = frozenset(
    ["ethnicity", "race", "nationality", "religion", "faith", "gender", "sex", "orientation",
     "sexuality", "disability", "origin", "age"]
)  # fmt: skip


def alone(judge: Judge, i: int) -> bool:
    """Whether an adjective without a noun after it still speaks of a person."""
    if _lineage(judge, i):
        return True
    if not judge.ends(i + 1) and not running(judge, i + 1):
        return False
    if i and judge.units[i - 1].low in _PEOPLE_WORDS:
        return True  # "someone blind"
    return _predicate(judge, i) or _tag(judge, i) or _as_noun(judge, i)


def _lineage(judge: Judge, i: int) -> bool:
    """As in "of Irish descent", "with Chinese roots", "of the Jewish faith"."""
    units = judge.units
    if i + 1 >= len(units) or units[i + 1].low not in _LINEAGE or not i:
        return False
    said = units[i - 1 - (units[i - 1].low == "the" and i > 1)].low in ("of", "with")
    return said and any(judge.is_person(j) for j in range(len(units)) if j != i)


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
    before = first == 0 or units[first - 1].low in (",", "(", "[", "|") or _dash(judge, first - 1)
    before = before or _label(judge, first - 1)
    after = i + 1 == len(units) or units[i + 1].low in (",", ")", "]", "|", ".", ":")
    after = after or _dash(judge, i + 1)
    if not after and units[i + 1].low in ("and", "&"):  # "a man, old and wise"
        after = i + 2 < len(units) and judge.adjectival(i + 2) and judge.ends(i + 3)
    if not (before and after):
        return False
    if units[i].key in COLOUR:
        return _behind_person(judge, first)
    return judge.tags or any(judge.is_person(j) for j in range(len(units)))


def _dash(judge: Judge, i: int) -> bool:
    """A dash between tags ("man - Korean - smiling"), not one inside a word."""
    units = judge.units
    return 0 <= i < len(units) - 1 and units[i].low == "-" and units[i].gap and units[i + 1].gap


def _label(judge: Judge, i: int) -> bool:
    """The colon of "ethnicity: Asian"."""
    return i > 0 and judge.units[i].low == ":" and judge.units[i - 1].low in _LABELS


def _behind_person(judge: Judge, i: int) -> bool:
    """As in "man, black", "woman (black)", "woman, ((brown:1.1))": a person stands before."""
    j = i - 1
    while j >= 0 and judge.units[j].low in ("(", "["):
        j -= 1
    if 0 <= j < i - 1 and judge.is_person(j):
        return True
    while j > 0 and judge.units[j - 1].low == ")":
        j -= 1
    return j > 0 and judge.is_person(j - 1)


def _as_noun(judge: Judge, i: int) -> bool:
    """As in "an African", "the blind", "two Chinese"."""
    if i == 0 or judge.units[i].key in COLOUR:
        return False
    return determined(judge, i)

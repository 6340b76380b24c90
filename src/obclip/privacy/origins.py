"""Origins that are the noun itself: "a young Asian", "two devout Muslims", "elderly Chinese".

Protects: the adjectives before such a noun are a person's, as those before "woman" are. Read from
masked keys, clear words and places. Does not protect: an origin that nothing makes a noun ("Greek
at dawn").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obclip.privacy.judge import Judge

COLOUR = frozenset({"white.sg", "pale.sg"})  # rows whose words are also colours of things
AGED = frozenset(["person.sg", "adult.sg"])
_DETERMINERS = frozenset(
    ["a", "an", "the", "two", "three", "four", "five", "some", "many", "several", "few"]
)
_GROUPS = frozenset(["group", "crowd", "couple", "bunch", "row", "line", "pair", "team", "gang"])
_ORIGINS = frozenset(["nationality", "ethnicity", "religion"])
_REBORN = frozenset(["born", "-", "again"])


def origin(judge: Judge, i: int) -> bool:
    """Whether the adjective at i is an origin that is the noun itself."""
    row = judge.units[i].row
    if row is None or row.attributes[0] not in _ORIGINS or judge.units[i].key in COLOUR:
        return False
    return (judge.ends(i + 1) or running(judge, i + 1)) and determined(judge, i)


def running(judge: Judge, i: int) -> bool:
    """Whether unit i says what somebody is doing."""
    unit = judge.units[i]
    if unit.row is not None:  # "who is blind walking with a cane"
        return all(form.split()[0].endswith("ing") for form in unit.row.forms.values())
    return unit.low.endswith("ing") and unit.low not in judge.things


def determined(judge: Judge, i: int) -> bool:
    """Whether what stands before unit i makes it a noun: "an", "two devout", "elderly"."""
    units, j = judge.units, i - 1
    row = units[i].row
    while j > 0 and row is not None and row.attributes[0] != "disability":
        if not (judge.adjectival(j) or units[j].low in _REBORN or _age(judge, j)):
            break
        j -= 1  # "a devout Muslim", "a born-again Christian"; not "a white blind"
    if j < 0:
        return False
    before = units[j]
    if before.row is not None:  # "elderly Chinese playing chess", "Muslim American, smiling"
        said = _age(judge, j) or not _ORIGINS.isdisjoint(before.row.attributes)
        return j == 0 and said and before.key not in COLOUR
    if before.low == "of" and j and units[j - 1].low in _GROUPS:
        return True
    return before.low in _DETERMINERS


def _age(judge: Judge, i: int) -> bool:
    """An adjective of age, or a noun that says one ("a child Asian")."""
    row = judge.units[i].row
    if row is None or row.plural:
        return False
    return row.kind == "age" or row.attributes == ("age",) or row.name in AGED

"""Names, agreeing adjectives and repeated persons, settled before anything is claimed.

Protects: a first name of the table is a mention, a credit stays in clear, any other name of a
person is refused. Does not protect: names that look like ordinary words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy.credits import credits, surname
from obclip.privacy.draft import Draft, Part
from obclip.privacy.judge import GENDER_HEADS
from obclip.privacy.lexicon import Row
from obclip.privacy.normalise import refuse

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser


def settle_names(a: Analyser) -> None:
    """First names count outside credits; a name followed by another name is refused elsewhere."""
    credited = credits(a.units)
    for i, unit in enumerate(a.units):
        if surname(a.judge, i):
            unit.unmask()
        if unit.row is None or unit.row.kind != "name":
            continue
        if i in credited:
            unit.unmask()
        elif _full_name(a, i):
            raise refuse("named_person", f"{unit.text!r} begins the name of a person", unit.text)


def _full_name(a: Analyser, i: int) -> bool:
    """Whether a capitalised clear word that no list knows, or another name, follows."""
    if i + 1 >= len(a.units) or not a.units[i + 1].gap:
        return False
    after = a.units[i + 1]
    if after.row is not None:
        return after.row.kind == "name"
    classes = a.judge.classes
    if (
        after.low in classes["names"]
        or after.low in classes["names_common"]
        or after.low in classes["first_names"]
    ):
        return True
    return (
        after.text[0].isupper()
        and a.units[i].text[0].isupper()
        and not a.judge.ends(i + 1)
        and not _running(a, i + 1)
    )


def _running(a: Analyser, i: int) -> bool:
    return a.units[i].low.endswith("ing")


def agreeing_adjectives(a: Analyser) -> None:
    """Latina and Latino before a noun of gender are adjectives that agree with it."""
    heritage = a.table.rows["heritage.sg"]
    for i, unit in enumerate(a.units):
        if unit.key == "latina.sg" and unit.values[1] == "latino" and gendered(a, a.judge.head(i)):
            noun = a.units[a.judge.head(i)]
            if noun.values[0] != unit.values[0]:
                raise refuse(
                    "contradiction", f"{unit.text!r} and {noun.text!r} say two genders", unit.text
                )
            unit.row, unit.key, unit.values = heritage, heritage.name, ("latino",)


def gendered(a: Analyser, i: int) -> bool:
    row = a.units[i].row if i >= 0 else None
    return (
        row is not None
        and row.kind in ("fam", "noun")
        and row.attributes[:1] == ("gender",)
        and row.name != "latina.sg"
    )


def find_repeats(a: Analyser) -> None:
    """As in "A man ... . The man": one person, if only one has been named in earlier sentences.

    Within a sentence "the bride ... the groom" are two, whatever their genders.
    """
    named: list[int] = []
    ended = False  # a sentence has ended since the first person was named
    for i, unit in enumerate(a.units):
        row = unit.row
        if unit.low in a.judge.classes["clause"]:
            ended = bool(named)
        if (row is not None and row.kind in ("noun", "fam")) or one_person(a, i):
            the = i - 1
            if the >= 0 and a.units[the].key == "age*":  # "the girl", "the young woman"
                the -= 1
            again = ended and row is not None and the >= 0 and a.units[the].low == "the" and len(named) == 1
            if again and a.units[named[0]].key == unit.key:
                a.same[i] = named[0]
                continue
            named.append(i)


def gender_part(a: Analyser, i: int, row: Row) -> list[Part]:
    if not row.attributes:
        return []
    who = a.canon(i)
    given = a.gender_of.get(who, a.gender_of.get(i))
    shared = given if isinstance(given, Draft) else None
    part = a.claim("gender", a.units[i].values[0], i, a.space(row, 0), shared)
    a.gender_of[who] = a.gender_of[i] = part[1] if part[1] is not None else part[2]
    return [part]


def one_person(a: Analyser, i: int) -> bool:
    unit = a.units[i]
    if unit.emoji is not None:
        return unit.emoji[1][0][0] == "gender"
    if unit.row is not None:
        return (
            unit.row.kind in ("noun", "fam", "name") or unit.key in GENDER_HEADS
        ) and not unit.row.plural
    low = unit.low
    return (
        low in a.judge.persons
        and low not in a.judge.classes["headonly"]
        and (low[-1] != "s" or low == "boss")
    )

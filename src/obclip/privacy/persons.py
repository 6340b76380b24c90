"""Names, agreeing adjectives and repeated persons, settled before anything is claimed.

Protects: a first name of the table is a mention, a credit stays in clear, any other name of a
person is refused. Does not protect: names that look like ordinary words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy.compounds import MARK
from obclip.privacy.credits import credited_units, surname
from obclip.privacy.draft import Draft, Part
from obclip.privacy.judge import GENDER_HEADS
from obclip.privacy.lexicon import Row
from obclip.privacy.normalise import refuse
from obclip.privacy.origins import COLOUR

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_PARTICLES = frozenset(["van", "von", "de", "da", "del", "der", "di", "la", "bin", "ibn", "al"])
LOOSE = frozenset(
    [
        "witch.sg",
        "sorceress.sg",
        "enchantress.sg",
        "warlock.sg",
        "mistress.sg",
        "heroine.sg",
        "superheroine.sg",
        "witch.pl",
        "sorceress.pl",
        "warlock.pl",
        "heroine.pl",
    ]
)


def settle_names(a: Analyser) -> None:
    """First names count outside credits; a name followed by another name is refused elsewhere."""
    credited = credited_units(a.units)
    for i, unit in enumerate(a.units):
        if surname(a.judge, i):
            unit.unmask()
        if unit.row is not None and unit.row.name[0] == MARK and i in credited:
            unit.unmask()  # a photograph by an artist called Lindman
        if unit.row is None or unit.row.kind != "name":
            continue
        if i in credited or _listed(a, i):
            unit.unmask()
        elif _full_name(a, i):
            raise refuse("named_person", f"{unit.text!r} begins the name of a person", unit.text)


def _listed(a: Analyser, i: int) -> bool:
    """A full name that opens a later tag of a list ("..., octane render, james jean"): a credit."""
    units = a.units
    if i + 1 >= len(units) or i == 0 or units[i - 1].low != "," or units[i + 1].row is not None:
        return False
    commas = sum(unit.low == "," for unit in units[:i])
    return commas > 2 and units[i + 1].gap and not (a.judge.ends(i + 1) or _running(a, i + 1))


def _full_name(a: Analyser, i: int) -> bool:
    """Whether a capitalised clear word that no list knows, or another name, follows."""
    if i + 1 >= len(a.units) or not a.units[i + 1].gap:
        return False
    after = a.units[i + 1]
    capital = a.units[i].text[0].isupper() and after.text[0].isupper()
    if after.row is not None:
        if after.row.kind == "name" or after.row.name.startswith(MARK):
            return True  # Natalie Portman
        ends = capital or a.judge.ends(i + 2)
        return ends and after.key in COLOUR and a.judge.head(i + 1) < 0  # Walter White
    if after.low in _PARTICLES and i + 2 < len(a.units):
        return a.units[i + 2].text[0].isupper() or a.units[i + 2].low in _PARTICLES
    classes = a.judge.classes
    if (
        after.low in classes["names"]
        or after.low in classes["names_common"]
        or after.low in classes["first_names"]
    ):
        return True
    return capital and not a.judge.ends(i + 1) and not _running(a, i + 1)


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
        if a.judge.adjunct(i) >= 0:
            continue
        if (row is not None and row.kind in ("noun", "fam")) or one_person(a, i):
            the = i - 1
            if the >= 0 and a.units[the].key == "age*":  # "the girl", "the young woman"
                the -= 1
            again = (
                ended
                and row is not None
                and the >= 0
                and a.units[the].low == "the"
                and len(named) == 1
            )
            if again and a.units[named[0]].key == unit.key:
                a.same[i] = named[0]
                continue
            named.append(i)


def tie_names(a: Analyser) -> None:
    """As in "Emily, a young woman" and "a man named David": a name and its noun are one person."""
    units = a.units
    for i, unit in enumerate(units):
        if unit.row is None or unit.row.kind != "name":
            continue
        if i > 1 and units[i - 1].low in ("named", "called") and _gender_noun(a, i - 2):
            a.same[i] = a.canon(i - 2)
            continue
        j = i + 3
        if j >= len(units) or units[i + 1].low != "," or units[i + 2].low not in ("a", "an", "the"):
            continue
        while j < len(units) - 1 and not gendered(a, j) and not a.judge.ends(j):
            j += 1  # "a homeless man", "a retired army doctor"
        if _gender_noun(a, j):
            a.same[j] = i


def _gender_noun(a: Analyser, i: int) -> bool:
    return gendered(a, i) and one_person(a, i) and not _loose(a, i)


def find_predicates(a: Analyser) -> None:
    """As in "she is a queen": a pronoun that opens a sentence, a form of "be", and its noun."""
    for i, unit in enumerate(a.units):
        if unit.key != "she*" or (i and a.units[i - 1].low not in a.judge.classes["clause"]):
            continue
        j = i + 1
        if j >= len(a.units) or a.units[j].low not in ("is", "was", "'s"):
            continue
        j += 1
        while j < len(a.units) and (
            a.units[j].low in ("a", "an", "the", "my", "our")
            or a.units[j].key == "her*"
            or (a.judge.adjectival(j) and not a.judge.is_person(j))
        ):
            j += 1
        if j < len(a.units) and gendered(a, j) and one_person(a, j) and not _loose(a, j):
            a.predicates[i] = j


def _loose(a: Analyser, i: int) -> bool:
    """A noun that is also said of the other gender ("a female wizard")."""
    return a.units[i].key in LOOSE


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
        if unit.row.plural or a.judge.adjunct(i) >= 0:
            return False
        return unit.row.kind in ("noun", "fam", "name") or unit.key in GENDER_HEADS
    low = unit.low
    return (
        low in a.judge.persons
        and low not in a.judge.classes["headonly"]
        and (low[-1] != "s" or low == "boss")
    )

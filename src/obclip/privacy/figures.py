"""Ages in figures: whose they are, and what they say of somebody.

Protects: which noun a number belongs to is read from places; two figures of one person are one age
or refused. Does not protect: numbers that stand where no age stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import ages
from obclip.privacy.bare import KEY as BARE
from obclip.privacy.bare import mark_of, subject
from obclip.privacy.draft import Part
from obclip.privacy.lexicon import CHILD
from obclip.privacy.normalise import refuse
from obclip.privacy.persons import one_person
from obclip.privacy.scan import BIRTHDAY

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_COUPLES = frozenset(
    [
        "couple", "couples", "newlyweds", "lovers", "parent", "parents", "spouse", "spouses",
        "family", "families",
    ]
)  # fmt: skip
_PARENTS = frozenset(
    f"{name}.{number}"
    for number in ("sg", "pl")
    for name in (
        "mother", "mom", "mum", "mommy", "mummy", "mama", "momma", "mamma", "stepmother",
        "stepmom", "mother_in_law", "widow", "divorcee", "landlady", "missus", "housekeeper",
    )
)  # fmt: skip
ADULTS = frozenset(["minor.sg", "minor.pl"])
_TEENS = range(13, 20)
_OLDEST = 120


def figure_head(a: Analyser, i: int) -> int:
    """The noun of an age in figures: after it, or shortly before it; -1 none, -2 not a person."""
    years = a.units[i].figure[2]  # type: ignore[index]
    if years == 0:
        return -2
    if a.units[i].key == BARE:
        said = subject(a.judge, i)
        return _said_of(a, mark_of(a.units, i) - 1 if said < 0 else said)
    if a.units[i].figure[1] == BIRTHDAY:  # type: ignore[index]
        return -1 if years <= _OLDEST else -2
    after = a.units[i + 1].low if i + 1 < len(a.units) else ""
    if after in (",", ".") and a.units[i].figure[1].endswith("years old"):  # type: ignore[index]
        for j in range(i - 1, max(-1, i - 4), -1):  # "a man, 20 years old, portrait"
            if a.units[j].low in a.judge.classes["clause"]:
                break
            if a.judge.is_person(j) and a.units[j].low not in a.judge.classes["headonly"]:
                return j
    head = a.judge.head(i + (after == ")"))
    if head >= 0:
        return head
    j = i + 1
    while not a.judge.ends(j):
        if a.units[j].row is None and a.units[j].low in a.judge.things:
            return -2  # a 2 year old golden retriever
        j += 1
    if years > _OLDEST:
        return -2
    for j in range(i - 1, max(-1, i - 7), -1):
        if a.units[j].low in a.judge.classes["clause"]:
            break
        if a.judge.is_person(j):
            return j
    return -1


def _said_of(a: Analyser, i: int) -> int:
    """Whom a bare number is said of: the person at i; for "she is 25" the only person named."""
    if a.units[i].key != "she*":
        return i
    named = [k for k in range(i) if one_person(a, k)]
    return named[0] if len(named) == 1 else i


def figure_age(a: Analyser, i: int, head: int, space: tuple[str, ...]) -> Part:
    """The age of the figure at i; a second figure of one person is the same age or refused."""
    who = a.canon(head)
    part = a.claim("age", ages.bucket(a.units[i].figure[2]), i, space, a.figured.get(who))  # type: ignore[index]
    if head >= 0 and part[1] is not None:
        a.figured.setdefault(who, part[1])
    return part


def said_by(a: Analyser, noun: int, i: int) -> tuple[Part, str]:
    """The age that a noun of age says, shared with the figure at i, and the figure's series."""
    unit, row = a.units[noun], a.row(noun)
    if noun in a.parts:
        part = a.parts[noun][0]
    else:
        part = a.claim("age", unit.values[0], noun, a.space(row, 0))
        a.put(noun, "row", row.name, [part], (), row.plural)
    years = a.units[i].figure[2]  # type: ignore[index]
    age = CHILD if years in _TEENS and unit.values[0] == CHILD else ages.bucket(years)
    if age != unit.values[0]:
        raise refuse(
            "contradiction",
            f"{a.units[i].text!r} and {unit.text!r} say two ages",
            a.units[i].text,
        )
    return part, "teen" if row.forms[(CHILD,)].startswith(("teen", "adol")) else "woman"


def grown(a: Analyser, noun: int) -> bool:
    """Whether a noun is said of no child: "a young couple", "a mother aged 40"."""
    return a.units[noun].low in _COUPLES or a.units[noun].key in _PARENTS

"""Adjectives, nouns and emoji of persons become pieces.

Protects: every word of the table that speaks of a person gets its slots, shared with whatever must
change with it. Does not protect: words that the masked text shows to be about things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import ages
from obclip.privacy.agewords import claim_aged_noun
from obclip.privacy.alone import alone
from obclip.privacy.always import aged
from obclip.privacy.compounds import MARK
from obclip.privacy.draft import Draft
from obclip.privacy.emoji import spaces
from obclip.privacy.judge import GENDER_HEADS
from obclip.privacy.lexicon import ADULT, CHILD
from obclip.privacy.normalise import refuse
from obclip.privacy.persons import LOOSE, gender_part, gendered
from obclip.privacy.scan import Unit
from obclip.privacy.template import UNSPECIFIED

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_GARMENTS = frozenset(
    f"{name}.sg"
    for name in (
        "hijab", "wearing_hijab", "hijabs", "burqa", "burka", "niqab", "kippah", "yarmulke",
    )
)  # fmt: skip

_ORIGINS = frozenset(["nationality", "ethnicity", "religion", "disability", "orientation"])
#: Rows with an office that many faiths have: beside "Buddhist" it says no more.
_OFFICES = frozenset(["nun.sg", "nun.pl", "priest.sg", "priest.pl"])
_ORDERS = frozenset(["nun", "nuns", "monk", "monks"])


def claim_adjectives(a: Analyser) -> None:
    """Unmask adjectives that do not speak of a person."""
    judge = a.judge
    dropped = []
    for i, unit in enumerate(a.units):
        row = unit.row
        if row is None or row.kind != "adj":
            continue
        if (
            judge.head(i) < 0
            and not alone(judge, i)
            and not (row.attributes[0] in _ORIGINS and judge.role(i))
        ):
            dropped.append(i)
    for i in dropped:
        a.units[i].unmask()
    for i, unit in enumerate(a.units):
        if unit.key == "muslim.sg" and _told_by_office(a, i):
            a.swallowed[i] = judge.head(i)  # "a Jewish rabbi" is a rabbi
    worn: tuple[int, Draft | None] = (-1, None)  # the last faith said of a person
    ailing: tuple[int, Draft | None] = (-1, None)  # the last disability
    for i, unit in enumerate(a.units):
        row = unit.row
        if row is None or row.kind not in ("adj", "any", "name", "noun") or i in a.swallowed:
            continue
        if row.name == "heritage.sg" and gendered(a, judge.head(i)):
            continue  # see _agreeing
        if row.kind in ("adj", "any"):
            tied = _garment(a, i, worn) or _aid(a, i, ailing)
            if tied is not None and row.attributes == ("disability",):
                a.saved *= len(tied.values)
            parts = [
                a.claim(name, v, i, a.space(row, n), tied)
                for n, (name, v) in enumerate(zip(row.attributes, unit.values, strict=True))
            ]
            a.put(i, "row", row.name, parts, (), row.plural)
            if row.attributes == ("religion",) and row.kind == "adj":
                worn = (i, parts[0][1])
            elif row.attributes == ("disability",):
                ailing = (i, parts[0][1])
            for name, draft, v in parts:
                if name == "gender":
                    head = i if unit.key in GENDER_HEADS and not _directly(a, i) else judge.head(i)
                    if head >= 0 and _apart(a, i, head):
                        a.loose[head] = draft if draft is not None else v
                    elif head >= 0:
                        a.gender_of.setdefault(head, draft if draft is not None else v)


def _apart(a: Analyser, i: int, head: int) -> bool:
    """As in "female wizard", "female king": the adjective and its noun are two mentions."""
    unit, row = a.units[head], a.units[head].row
    if unit.key in LOOSE:
        return True
    return (
        a.units[i].key in GENDER_HEADS
        and row is not None
        and row.kind == "noun"
        and row.attributes[:1] == ("gender",)
    )


def _garment(a: Analyser, i: int, worn: tuple[int, Draft | None]) -> Draft | None:
    """The faith that a garment's wearer is said to have ("a Muslim woman wearing a hijab")."""
    at, draft = worn
    if draft is None or a.row(i).name not in _GARMENTS:
        return None
    between = range(at + 1, i)
    if any(a.units[k].low in a.judge.classes["clause"] for k in between):
        return None
    return draft if sum(a.judge.is_person(k) for k in between) == 1 else None


def _aid(a: Analyser, i: int, ailing: tuple[int, Draft | None]) -> Draft | None:
    """The disability of somebody whose aid is named too ("a blind man with a cane").

    Only where slots of their own would exceed the cap, as with pronouns (see places.py).
    """
    at, draft = ailing
    row = a.row(i)
    if not a.tight or draft is None or row.kind != "any" or row.attributes != ("disability",):
        return None
    between = range(at + 1, i)
    if any(a.units[k].low in a.judge.classes["clause"] for k in between):
        return None
    return draft if sum(a.judge.is_person(k) for k in between) < 2 else None


def _directly(a: Analyser, i: int) -> bool:
    """Whether a person noun follows (female warrior), so that the word is its adjective."""
    return a.judge.head(i) >= 0


def claim_agreeing(a: Analyser) -> None:
    for i, unit in enumerate(a.units):
        if unit.key != "heritage.sg" or i in a.parts:
            continue
        noun = a.judge.head(i)
        (gender,) = gender_part(a, noun, a.row(noun))
        values = a.protected["ethnicity"].values if "ethnicity" in a.protected else ()
        ethnicity = a.claim("ethnicity", unit.values[0], i, values)
        a.put(i, "agree", "heritage.sg", [gender, ethnicity])


def claim_nouns(a: Analyser) -> None:
    """Everything else in a row. Beside "Buddhist", a monk's own faith is kept as it is."""
    faiths = {
        a.judge.head(i)
        for i, unit in enumerate(a.units)
        if unit.row is not None and unit.row.kind == "adj" and unit.row.attributes == ("religion",)
        if i not in a.swallowed
    }
    origins = {
        a.judge.head(i)
        for i, unit in enumerate(a.units)
        if unit.row is not None
        and unit.row.kind == "adj"
        and unit.row.attributes == ("nationality",)
    }
    for i, unit in enumerate(a.units):
        row = unit.row
        if row is None or i in a.parts or i in a.swallowed or unit.figure is not None:
            continue
        if row.kind == "fam":
            if unit.values[-1] == CHILD:
                known = a.age_of.get(a.canon(i))
                part = aged(a, CHILD, i) or a.claim("age", CHILD, i, ages.AGES, known)
                claim_aged_noun(a, i, part, ("near", "elderly"))
            elif (grown := aged(a, UNSPECIFIED, i)) is not None:
                claim_aged_noun(a, i, grown, ("near", "elderly"))
            elif row.attributes:
                a.put(i, "bare", row.name, gender_part(a, i, row), (ADULT,), row.plural)
        elif row.kind in ("noun", "name"):
            parts = []
            for n, (attribute, value) in enumerate(zip(row.attributes, unit.values, strict=True)):
                if attribute == "gender":
                    parts += gender_part(a, i, row)
                elif attribute == "religion" and (
                    (i in faiths and row.name in _OFFICES)
                    or (i in origins and unit.low in _ORDERS)  # a Tibetan monk
                ):
                    _check_office(unit)
                    parts.append((attribute, None, value))
                else:
                    parts.append(a.claim(attribute, value, i, a.space(row, n), _said(a, n, i)))
            if row.name[0] == MARK:
                a.put(i, "compound", row.name, parts, tuple(row.forms.values()), row.plural)
            else:
                a.put(i, "row", row.name, parts, (), row.plural)


def _said(a: Analyser, n: int, i: int) -> Draft | None:
    """The age in figures that the noun at i says as well: "a grandmother, 81 years old"."""
    attributes = a.row(i).attributes
    if len(attributes) < 2 or attributes[n] != "age":  # "adults aged 18": another kind of age
        return None
    return a.figured.get(a.canon(i))


def _told_by_office(a: Analyser, i: int) -> bool:
    """Whether the noun behind the faith at i is an office of that faith alone."""
    noun = a.judge.head(i)
    row = a.units[noun].row if noun == i + 1 else None
    return (
        row is not None
        and row.attributes == ("religion",)
        and not (row.name in _OFFICES and _of_any_faith(a.units[noun]))
        and a.units[noun].values == a.units[i].values
    )


def _of_any_faith(unit: Unit) -> bool:
    return unit.low.removesuffix("s") in ("nun", "monk", "priest")


def _check_office(unit: Unit) -> None:
    """Refuse "an Orthodox rabbi": beside a faith the row's other words would say it once more."""
    if not _of_any_faith(unit):
        raise refuse(
            "unknown_person_word",
            f"{unit.text!r} says the faith that stands before it once more",
            unit.text,
            f"write {unit.text!r} without it",
        )


def claim_emoji(a: Analyser) -> None:
    for i, unit in enumerate(a.units):
        if unit.emoji is not None:
            shape, said = unit.emoji
            room = spaces(shape)
            names = tuple(name for name, _ in said)
            parts = [a.claim(name, v, i, room[name]) for name, v in said]
            a.put(i, "emoji", shape, parts, names)
            if names[0] == "gender":
                a.gender_of[i] = parts[0][1] or parts[0][2]

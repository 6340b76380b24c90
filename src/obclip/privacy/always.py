"""Attributes that are always on: every person carries them, mentioned or not.

Protects: that an attribute was named. "a doctor" and "an elderly doctor" are one set, "unspecified"
being a value. Does not protect: attributes said in other words than the canonical ones ("an old
doctor" keeps its own orbit, without "unspecified"), and pronouns, which have slots of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import ages
from obclip.privacy.draft import Draft, Part
from obclip.privacy.lexicon import CHILD
from obclip.privacy.persons import one_person
from obclip.privacy.template import ALWAYS, UNSPECIFIED

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_ROWS = {"gender": "female.sg", "ethnicity": "asian.sg", "skin_tone": "skinned.sg"}


def add_always_on(a: Analyser) -> None:
    """A person noun that says no attribute carries the profile's, in canonical order."""
    if not a.settings.always_on:
        return
    names = [name for name in ALWAYS if name in a.settings.always_on]
    for i, unit in enumerate(a.units):
        last = i + 1 >= len(a.units) or not one_person(a, i + 1)
        if unit.row is None and unit.emoji is None and last and one_person(a, i):
            if a.judge.belongs_to_thing(i):
                continue  # a conductor's hat
            _carry(a, i, names)


def _carry(a: Analyser, i: int, names: list[str]) -> None:
    said: dict[str, str] = {}
    j = i - 1
    while j >= 0 and (found := _canonical(a, j, names)) and found[0] not in said:
        said[found[0]] = found[1]
        j -= 1
    for k in range(j + 1, i):
        a.swallowed[k] = i
        drafts = [part[1] for part in a.parts.pop(k, [])]
        a.drafts = [draft for draft in a.drafts if draft not in drafts]
        a.pieces.pop(k, None)
    taken = {name for k in range(max(0, j - 8), j + 1) for name in _said_of(a, k, j, i)}
    if "gender" in said:
        a.gender_of.pop(i, None)
    elif i in a.gender_of or (i and one_person(a, i - 1)):
        taken.add("gender")
    parts: list[Part] = []
    for name in names:
        if name in said or name not in taken:
            own = said.get(name, UNSPECIFIED)
            parts.append((name, always(a, name, own, i), own))
    if parts:
        a.put(i, "zero", a.units[i].low, parts)


def always(a: Analyser, name: str, own: str, i: int) -> Draft:
    """A slot over an attribute's values and "unspecified", or over the group of the value said.

    Where the profile groups the attribute, "unspecified" belongs to the largest group.
    """
    if own == CHILD and not a.says_child:
        a.says_child = a.units[i].text
    known = a.protected[name]
    level = a.settings.groups.get(name)
    groups = known.groupings[level] if level else (known.values,)
    home = max(groups, key=len)
    group = home if own == UNSPECIFIED else known.group_of(own, level)
    values = [v for v in group if a.settings.third_gender or v not in known.optional]
    draft = Draft(name, own, i, (UNSPECIFIED, *values) if group == home else tuple(values))
    a.drafts.append(draft)
    return draft


def aged(a: Analyser, own: str, i: int) -> Part | None:
    """The age, always on, of a noun with a child's form ("a woman", "a girl")."""
    if "age" not in a.settings.always_on or a.canon(i) in a.age_of:
        return None
    return "age", always(a, "age", own, i), own


def _canonical(a: Analyser, j: int, names: list[str]) -> tuple[str, str] | None:
    """(attribute, value) of the unit at j if it is the word this module would write."""
    unit = a.units[j]
    for name, key in _ROWS.items():
        if name in names and unit.key == key:
            return name, unit.values[0]
    if "age" in names and unit.figure is None and (unit.key == "age*" or a.judge.adjunct(j) >= 0):
        found = ages.decode(unit.values[0] if unit.key == "age*" else unit.low, "neutral")
        if found is not None and found[0] == "elderly":
            return "age", found[1]
    return None


def _said_of(a: Analyser, k: int, j: int, i: int) -> tuple[str, ...]:
    """The attributes that a word before the noun says of it in words of its own."""
    unit = a.units[k]
    if unit.figure is not None:
        return ("age",) if j < a.judge.head(k) <= i else ()
    if unit.row is None or k in a.swallowed or unit.row.kind == "pronoun":
        return ()
    return unit.row.attributes or ("age",) if j < a.judge.head(k) <= i else ()

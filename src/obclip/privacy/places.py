"""Pronouns bound by place alone, where slots of their own would make the set too large.

Protects: "a boy and a girl, he gives her a flower" can be closed within the cap. Which person a
pronoun follows is read from positions: a subject follows the first person named (the next one in
the next clause), an object another one, a possessive the person right before it. Never from
agreement: where the written genders do not fit the places, the prompt is refused as too large. Does
not protect: a bound pronoun says which of the persons acts, as the user wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import pronouns
from obclip.privacy.draft import Draft

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_OPENERS = frozenset(["and", "while", "but", ",", "then", "as", "because", "than", "."])


def claim_by_place(a: Analyser) -> None:
    """Every pronoun, bound to a person of the text or to the first pronoun of a text without."""
    from obclip.privacy.chains import read_pronoun
    from obclip.privacy.persons import one_person

    people: list[int] = []
    free: dict[int, Draft] = {}  # persons whose noun says no gender
    subject = nearest = -1
    subjects = 0
    for i, unit in enumerate(a.units):
        if i in a.swallowed:
            continue
        row = unit.row
        if row is None or row.kind != "pronoun":
            if one_person(a, i):
                nearest = a.canon(i)
                if nearest not in people:
                    people.append(nearest)
            continue
        case, value = read_pronoun(a, i)
        if i in a.bound:
            who = a.canon(a.bound[i])
        elif case == pronouns.SUBJECT:
            opens = i > 0 and a.units[i - 1].low in _OPENERS
            subjects += opens or subjects == 0
            who = subject = people[min(subjects, len(people)) - 1] if people else -1
        elif case == pronouns.OBJECT:
            others = [person for person in people if person != subject]
            who = others[-1] if others else subject
        else:
            who = nearest if nearest >= 0 else subject
        nearest = who
        given = a.gender_of.get(who, free.get(who))
        part = a.claim(
            "gender", value, i, pronouns.GENDERS, given if isinstance(given, Draft) else None
        )
        if part[1] is not None:
            free.setdefault(who, part[1])
        a.put(i, "pronoun", case, [part])

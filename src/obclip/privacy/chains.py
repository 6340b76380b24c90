"""Pronouns become pieces, tied to the persons before them by position.

Protects: a pronoun never gives away what its noun hides, and never follows a noun because their
genders agree. Does not protect: they and it, which stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import pronouns
from obclip.privacy.draft import Draft
from obclip.privacy.normalise import refuse
from obclip.privacy.persons import one_person
from obclip.privacy.places import claim_by_place

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_BEING = frozenset(["is", "was", "'s", "gently", "tenderly", "then"])
_DONE = frozenset(["held", "led", "fed", "shot", "hit", "caught", "taught", "bound", "fought"])
_OPENERS = frozenset(["and", "while", "but", ",", "then", "as", "because", "than"])


def claim_pronouns(a: Analyser) -> None:
    """Every pronoun, by place where the profile's cap leaves no room for slots of their own."""
    if a.tight:
        claim_by_place(a)
    else:
        claim_chains(a)


def claim_chains(a: Analyser) -> None:
    """Every pronoun, each chain a slot or tied to the one person named."""
    topic = pronouns.Topic()
    chains: dict[object, Draft] = {}
    previous = last = -2  # the last person, the last unit that is not part of another
    for i, unit in enumerate(a.units):
        row = unit.row
        if i in a.swallowed:
            continue
        before, last = last, i
        if unit.low in a.judge.classes["clause"]:
            topic.end_sentence()
        elif row is not None and row.kind == "pronoun":
            _pronoun(a, i, topic, chains)
        elif one_person(a, i):
            if i in a.predicates.values():
                pass  # "she is a queen": named already
            elif previous < max(before, 0):
                topic.person(a.canon(i))
            elif i in a.gender_of:  # "knight woman", "IT woman": one person
                if i in a.loose:
                    a.loose[previous] = a.loose[i]
                a.gender_of.setdefault(previous, a.gender_of[i])
            previous = i


def _predicate(a: Analyser, i: int) -> bool:
    """Whether a possessive stands after a form of "be" and before a person noun."""
    before = a.units[i - 1].low if i > 1 else ""
    if before not in ("is", "was", "'s", "are", "were", "be", "becomes", "became"):
        return False
    j = i + 1
    while j < len(a.units) and a.judge.adjectival(j) and not a.judge.is_person(j):
        j += 1
    return j < len(a.units) and a.judge.is_person(j)


def _acted_on(a: Analyser, i: int, case: str) -> bool:
    """As in "a man teaching her", "a woman kisses him": the object of the only person's verb."""
    if case != pronouns.OBJECT or i < 2:
        return False
    verb = a.units[i - 1]
    named = [k for k in range(i) if one_person(a, k)]
    if len(named) != 1:
        return False
    if verb.low == "by":
        done = a.units[i - 2].low
        return done.endswith(("ed", "en", "wn")) or done in _DONE  # "a king crowned by her"
    if verb.row is not None or verb.low in a.judge.classes["prepositions"]:
        return False
    if not verb.low.endswith(("ing", "s")) or verb.low in a.judge.things:
        return False
    j = i - 2
    while j > 0 and a.units[j].low in _BEING:
        j -= 1
    return named[0] == j and a.judge.is_person(j)


def read_pronoun(a: Analyser, i: int) -> tuple[str, str]:
    """Case and value of the pronoun at i.

    Raises:
        PromptRefused: the words around it leave its case open.
    """
    unit = a.units[i]
    case = pronouns.case_of(a.judge, i)
    if (case == pronouns.POSSESSIVE and unit.low in ("her", "him")) or (
        case == pronouns.OBJECT and unit.low == "his"
    ):
        case = ""
    value = pronouns.gender_of(unit.low, case) if case else None
    if value is None:
        raise refuse(
            "pronoun_case",
            f"the case of {unit.text!r} cannot be told from the words around it",
            unit.text,
        )
    return case, value


def _pronoun(a: Analyser, i: int, topic: pronouns.Topic, chains: dict[object, Draft]) -> None:
    unit = a.units[i]
    case, value = read_pronoun(a, i)
    if i in a.bound:
        given = a.gender_of.get(a.canon(a.bound[i]))
        part = a.claim(
            "gender", value, i, pronouns.GENDERS, given if isinstance(given, Draft) else None
        )
        if part[1] is not None:
            a.gender_of.setdefault(a.canon(a.bound[i]), part[1])
        a.put(i, "pronoun", case, [part])
        return
    opens = i > 0 and a.units[i - 1].low in _OPENERS
    chain = topic.other(i) if _acted_on(a, i, case) else topic.pronoun(case, opens)
    if case == pronouns.DETERMINER and _predicate(a, i):
        chain = ("possessor", i)  # "he is her brother": whose brother is somebody else
    before = a.units[i - 1].low if i > 1 else ""
    if before == "not" or (before in ("and", "or") and a.units[i - 2].key == unit.key):
        chain = ("paired", i)
    given = a.gender_of.get(chain) if isinstance(chain, int) else None
    if isinstance(chain, int) and chain in a.loose:
        given, chain = None, ("loose", chain)  # "a female wizard with his hat": whose is open
    if i in a.predicates and given is None and chain not in chains:
        given = a.gender_of.get(a.predicates[i])
    shared = given if isinstance(given, Draft) else chains.get(chain)
    part = a.claim("gender", value, i, pronouns.GENDERS, shared)
    if part[1] is not None:
        chains.setdefault(chain, part[1])
    a.put(i, "pronoun", case, [part])

"""Phrases that are not about a person (king penguin, Indian Ocean, cowboy hat).

Protects: an idiom is left untouched for its whole orbit (queen penguin too), but not where a
pronoun would tell what its noun says. Does not protect: an idiom that is missing from the list is
taken for a person, which costs pictures and leaks nothing.
"""

from __future__ import annotations

from obclip.privacy.credits import credited_units
from obclip.privacy.judge import GENDER_HEADS, PERSON_KINDS, STARS
from obclip.privacy.normalise import refuse
from obclip.privacy.pronouns import one_gender
from obclip.privacy.scan import Unit
from obclip.privacy.things import WORD
from obclip.privacy.vocabulary import Vocabulary, vocabulary

_BOTH = 3  # black and white
_MODELS = frozenset(["model", "models"])


def exempt_idioms(units: list[Unit]) -> None:
    """Unmask every unit inside an idiom, longest first, for the whole orbit alike.

    Raises:
        PromptRefused: the idiom names somebody (Spider-Man) who is not a costume or a credit here.
    """
    words = vocabulary()
    spans: list[tuple[int, int]] = []
    i = 0
    while i < len(units):
        size, whole = max(_idiom(units, i, name, words) for name in _names(units[i], words.things))
        end = i + size
        if size and units[end - 1].key in GENDER_HEADS and end < len(units):
            size = 0 if _person(units[end], words) else size  # "a dragon, female human wizard"
        if size and end < len(units) and _person(units[end], words) and _disability(units[i:end]):
            size = 0  # "a wheelchair basketball player" is a person in a wheelchair
        if size == _BOTH and _two_peoples(units, i, end, words):
            size = 0  # "black and white children" are no photo
        if size and _one_gender(units, i, end):
            size = 0  # "her or her sister" is not "his or her"
        if size and _describes(units, i, end, words):
            size = 0  # "a black street vendor", "a young dog walker"
        if size and whole in words.characters and not _credit(units, i):
            if dressed(units, i, end):
                if _others(units, i, end):
                    spans.append((i, i + size))
            else:
                text = "".join(" " * unit.gap + unit.text for unit in units[i:end]).strip()
                raise refuse("named_person", f"{text!r} names a person or a character", text)
        elif size:
            spans.append((i, i + size))
        i += size or 1
    for start, end in spans:
        followed = _followed(units, start, end, spans, words)
        for unit in units[start:end]:
            name = unit.row is not None and unit.row.kind == "name"
            if unit.row is not None and not (followed and _named(unit)):
                unit.unmask()
            if unit.row is None and (name or unit.low in words.classes["names"]):
                unit.key = WORD  # "Victoria Falls", "Noah's ark" name nobody


def _disability(units: list[Unit]) -> bool:
    return any(unit.row is not None and unit.row.attributes == ("disability",) for unit in units)


def _two_peoples(units: list[Unit], start: int, end: int, words: Vocabulary) -> bool:
    """Whether two colours stand right before several persons."""
    if not units[start].key == units[end - 1].key == "white.sg" or end >= len(units):
        return False
    who = units[end]
    if who.row is not None:
        return who.row.plural and who.row.kind in PERSON_KINDS
    return who.low in words.persons and who.low.endswith("s") and _person(who, words)


def _one_gender(units: list[Unit], start: int, end: int) -> bool:
    """Whether both pronouns of a pair are of one gender; they then change together."""
    first, last = units[start], units[end - 1]
    if first.row is None or first.row.kind != "pronoun" or last.row is None:
        return False
    return last.row.kind == "pronoun" and one_gender(first.low, last.low)


def _describes(units: list[Unit], start: int, end: int, words: Vocabulary) -> bool:
    """Whether a thing behind an adjective of a person only begins the noun of a person."""
    row = units[start].row
    if row is None or row.kind not in ("adj", "age", "fam") or end - start != 2:
        return False
    if end >= len(units) or not units[end].gap:
        return False
    trade, who = units[start + 1].low, units[end]
    if trade not in words.things and trade not in words.classes["trade"]:
        return False
    if who.low in STARS:
        return trade in words.classes["trade"]
    said = _person(who, words) or who.low in _MODELS or who.low in words.classes["agent"]
    return said and who.low not in words.things


def _credit(units: list[Unit], i: int) -> bool:
    return i in credited_units(units)


def _others(units: list[Unit], start: int, end: int) -> bool:
    """Whether somebody else is masked, so that a costume's name tells nothing by itself."""
    return any(
        unit.row is not None and unit.row.kind in (*PERSON_KINDS, "pronoun")
        for i, unit in enumerate(units)
        if not start <= i < end
    )


def dressed(units: list[Unit], start: int, end: int) -> bool:
    """As in "dressed as Spider-Man", "an Iron Man poster": a costume or a thing, not a person."""
    classes = vocabulary().classes
    before = start - 1
    if before >= 0 and units[before].low in ("a", "an", "the"):
        before -= 1
    if before >= 0 and units[before].low in classes["disguise"]:
        return True
    after = end + (end < len(units) and units[end].low in ("'s", "-"))
    return after < len(units) and units[after].low in classes["costume"]


def _named(unit: Unit) -> bool:
    """A singular noun of gender (or female, male)."""
    row = unit.row
    return (
        row is not None
        and not row.plural
        and row.attributes[:1] == ("gender",)
        and (row.kind in ("noun", "fam") or unit.key in GENDER_HEADS)
    )


def _followed(
    units: list[Unit], start: int, end: int, spans: list[tuple[int, int]], words: Vocabulary
) -> bool:
    """Whether a pronoun of the same sentence can only mean the idiom: "a mother bear and her cub".

    Then its noun changes with the pronoun, or it would tell what the pronoun hides.
    """
    if end < len(units) and units[end].row is None and units[end].low in words.things:
        return False
    last = units[end - 1]
    if last.row is None and words.things.get(last.low) == "~thing":
        return False  # "a cowboy hat on her head"
    for i, unit in enumerate(units):
        if i >= end and unit.low in words.classes["clause"]:
            return False
        if i >= end and unit.row is not None and unit.row.kind == "pronoun":
            return True
        if _person(unit, words) and not any(a <= i < b for a, b in spans):
            return False
    return False


def _person(unit: Unit, words: Vocabulary) -> bool:
    if unit.row is not None:
        return unit.row.kind in PERSON_KINDS
    return unit.low in words.persons and unit.low not in words.classes["headonly"]


def _names(unit: Unit, things: dict[str, str]) -> tuple[str, ...]:
    """What an idiom may call a unit: its key, and its class if it is a clear word."""
    kind = things.get(unit.low) if unit.row is None else None
    return (unit.key,) if kind is None else (unit.key, kind)


def _idiom(units: list[Unit], i: int, name: str, words: Vocabulary) -> tuple[int, tuple[str, ...]]:
    """How many units the longest idiom that begins with ``name`` at i covers, and its keys."""
    seconds = words.idioms.get(name)
    if not seconds:
        return 0, ()
    best: tuple[int, tuple[str, ...]] = (1 if "" in seconds else 0, ())
    j = i + 2 if i + 1 < len(units) and units[i + 1].low == "-" else i + 1
    after = _names(units[j], words.things) if j < len(units) else ()
    for second in after:
        for keys in seconds.get(second, ()):
            size = _matches(units, i, keys, words.things)
            if size:
                best = max(best, (size, keys))
                break
    return best


def _matches(units: list[Unit], i: int, keys: tuple[str, ...], things: dict[str, str]) -> int:
    j = i
    for n, key in enumerate(keys):
        if n and j < len(units) and units[j].low == "-" and key != "-":
            j += 1
        if j >= len(units):
            return 0
        unit = units[j]
        if (
            n
            and key != unit.key
            and not (key[0] == "~" and unit.row is None and things.get(unit.low) == key)
        ):
            return 0
        j += 1
    return j - i

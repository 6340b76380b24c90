"""Names that are words too, and conditions that stand in no row: refused where they are a person's.

Protects: "Rose in the garden" names somebody and "a rose in the garden" nobody, "a diabetic man" is
somebody's health and "a diabetic diet" nobody's. Where such a word stands is read from clear words,
capitals and masked rows, so the verdict is the same for every member. Does not protect: a name in
small letters in the middle of a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from obclip.privacy.alone import alone
from obclip.privacy.judge import DONE, Judge
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import Unit

_PICTURES = frozenset(
    [
        "portrait",
        "photo",
        "picture",
        "painting",
        "drawing",
        "sketch",
        "image",
        "photograph",
        "closeup",
        "selfie",
    ]
)
_BESIDE = frozenset(
    [
        "with",
        "and",
        "for",
        "named",
        "called",
        "hugging",
        "kissing",
        "meets",
        "loves",
        "holding",
        "by",
    ]
)
_OWNERS = frozenset(["my", "our", "your", "their"])
_CALLED = frozenset(["named", "called"])
_IS = frozenset(["is", "was", "has", "'s", "'"])
_HAVING = frozenset(
    [
        "with",
        "has",
        "having",
        "had",
        "from",
        "of",
        "fighting",
        "battling",
        "against",
        "survived",
        "surviving",
    ]
)
_PATIENTS = frozenset(
    ["patient", "patients", "survivor", "survivors", "sufferer", "sufferers", "victim"]
)
_LOSING = frozenset(
    ["missing", "lost", "loses", "losing", "lacks", "lacking", "without", "lose", "minus"]
)
_LIMBS = frozenset(
    ["arm", "arms", "leg", "legs", "hand", "hands", "foot", "feet", "limb", "limbs", "eye", "eyes"]
)
_SIDES = frozenset(
    ["left", "right", "both", "one", "a", "an", "the", "their", "of", "two", "whole"]
)
_COUNTS = frozenset(["in", "with", "and", "who", ",", ";", "standing", "sitting"])
_PARTNERS = (("woman", "man"), ("women", "men"))


def check_given_names(units: list[Unit], judge: Judge, credited: frozenset[int]) -> None:
    """Refuse a first name that is a word too, where it names somebody."""
    given, first = judge.classes["given_words"], judge.classes["given_too"]
    names = judge.classes["given_names"]  # no words, so a small letter changes nothing
    for i, unit in enumerate(units):
        if unit.row is not None or i in credited or not unit.low.isalpha():
            continue
        if _named(units, judge, i) or (
            (unit.low in given or unit.low in names)
            and (
                _somebody(units, judge, i)
                if unit.text[0].isupper() or unit.low in names
                else unit.low not in first and _friend(units, judge, i)
            )
        ):
            raise refuse(
                "named_person", f"{unit.text!r} names a person, who cannot be masked", unit.text
            )


def _named(units: list[Unit], judge: Judge, i: int) -> bool:
    """As in "a girl named lily": whatever the word is, it is her name."""
    if i < 2 or units[i - 1].low not in _CALLED or not judge.is_person(i - 2):
        return False
    low = units[i].low
    return not (low in judge.classes["stop"] or low in judge.classes["adverb"])


def _friend(units: list[Unit], judge: Judge, i: int) -> bool:
    """As in "my friend rose", "his sister lily is smiling", in small letters."""
    if i < 2 or not judge.is_person(i - 1) or not units[i].gap:
        return False
    owned = units[i - 2].low in _OWNERS or units[i - 2].key == "her*"
    after = units[i + 1].low if i + 1 < len(units) else ""
    return owned and (judge.ends(i + 1) or after in DONE or after in _IS)


def _somebody(units: list[Unit], judge: Judge, i: int) -> bool:
    after = units[i + 1] if i + 1 < len(units) else None
    low = after.low if after is not None else ""
    if after is not None and after.row is None and low in judge.things:
        return False  # Rose garden
    opens = i == 0 or units[i - 1].low in judge.classes["clause"]
    acts = (
        low in DONE
        or low in _IS
        or (low == "," and _apposition(units, judge, i + 2))
        or (low == "and" and i + 2 < len(units) and units[i + 2].row is not None)  # and her dog
    )
    if opens:
        if units[i].low in judge.classes["given_too"]:
            return acts  # "Summer in the city"
        return acts or low in ("and", "in", "on", "at", "with") or (i == 0 and after is None)
    before = units[i - 1]
    ended = judge.ends(i + 1)
    if before.low == "of" and i > 1 and units[i - 2].low in _PICTURES:
        return ended or acts
    if judge.is_person(i - 1) and before.text.islower():
        return ended or acts  # "my friend Rose"
    return (acts or ended) and before.low in _BESIDE


def _apposition(units: list[Unit], judge: Judge, i: int) -> bool:
    """As in ", a young woman" at i."""
    if i >= len(units) or units[i].low not in ("a", "an", "the"):
        return False
    return any(judge.is_person(k) for k in range(i + 1, min(i + 5, len(units))))


def check_conditions(units: list[Unit], judge: Judge) -> None:
    """Refuse an illness that is said of somebody and stands in no row."""
    said, had = judge.classes["ill_adjective"], judge.classes["ill_noun"]
    for i, unit in enumerate(units):
        low = unit.low
        if unit.row is not None or (low not in said and low not in had):
            continue
        of_someone = judge.head(i) >= 0 or alone(judge, i)
        if (low in said and of_someone) or (low in had and _has(units, judge, i)):
            raise refuse(
                "unknown_person_word",
                f"{unit.text!r} says somebody's health and stands in no row",
                unit.text,
                "leave it out, or put it on a list of your own (see the example list of diseases)",
            )


def check_lost_limbs(units: list[Unit], judge: Judge) -> None:
    """Refuse a lost limb in words of no row: "missing his left arm", "whose leg is missing"."""
    for i, unit in enumerate(units):
        if unit.row is not None or unit.low not in _LIMBS or not i:
            continue
        j = i - 1
        while j > 0 and (units[j].low in _SIDES or units[j].key == "her*"):
            j -= 1
        ahead = [after.low for after in units[i + 1 : i + 3]]
        gone = ahead in (["is", "missing"], ["are", "missing"])
        start = max((k + 1 for k in range(j) if units[k].low in (",", "|", ".")), default=0)
        named = any(judge.is_person(k) or units[k].key == "she*" for k in range(start, j))
        if named and (units[j].low in _LOSING or (gone and units[i - 1].low == "whose")):
            raise refuse(
                "unknown_person_word",
                f"{unit.text!r} is lost in words that stand in no row",
                unit.text,
                f'write "missing one {unit.low}", or rephrase',
            )


def _has(units: list[Unit], judge: Judge, i: int) -> bool:
    """As in "with cancer", "has breast cancer", "a cancer patient"."""
    after = units[i + 1].low if i + 1 < len(units) else ""
    if after in _PATIENTS:
        return True
    before = [unit.low for unit in units[max(0, i - 3) : i]]
    if not _HAVING.intersection(before):
        return False
    return any(
        judge.is_person(k) or (unit.row is not None and unit.row.kind == "pronoun")
        for k, unit in enumerate(units[:i])
    )


def check_count(units: list[Unit], judge: Judge) -> None:
    """Refuse a count who is a nobleman: "a count in his castle", not "a count of ten"."""
    for i, unit in enumerate(units):
        if unit.low != "count" or unit.row is not None or not i:
            continue
        before = units[i - 1]
        stands = before.low in ("a", "the") or before.row is not None or judge.adjectival(i - 1)
        after = units[i + 1].low if i + 1 < len(units) else ","
        named = i + 1 < len(units) and units[i + 1].text[0].isupper() and unit.text[0].isupper()
        named = named or (before.low == "the" and after == "of" and _place(units, i + 2))
        if stands and (after in DONE or after in _COUNTS or named):
            raise refuse(
                "unknown_person_word",
                f"{unit.text!r} names a person, but stands in no row",
                unit.text,
                "write earl, or rephrase",
            )


def _place(units: list[Unit], i: int) -> bool:
    """A place that a count has his title from (Monte Cristo)."""
    return i < len(units) and (units[i].text[0].isupper() or units[i].low == "monte")


def check_halves(units: list[Unit], rows: Mapping[str, object]) -> None:
    """Refuse "penwoman", whose partner "penman" stands in another row of the table."""
    for unit in units:
        if unit.row is not None or unit.low in rows:
            continue
        if any(
            unit.low.endswith(woman) and unit.low.removesuffix(woman) + man in rows
            for woman, man in _PARTNERS
        ):
            raise refuse(
                "unknown_person_word", f"{unit.text!r} names a person, but stands in no row",
                unit.text,
            )  # fmt: skip

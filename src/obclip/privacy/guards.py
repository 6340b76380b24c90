"""What cannot be resolved is refused, with the word named.

Protects: no protected word leaves in clear because it was misspelt, foreign, part of a celebrity's
name or simply not in the table; nor is a child ever put where body or intimacy is described. All
verdicts read clear words and masked rows only, so they are the same for every member. Does not
protect: words nobody would take for a person's attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy.alone import alone
from obclip.privacy.credits import credited_units
from obclip.privacy.idioms import dressed
from obclip.privacy.judge import Judge
from obclip.privacy.lexicon import CHILD, Lexicon, lexicon
from obclip.privacy.naming import (
    check_conditions,
    check_count,
    check_given_names,
    check_halves,
    check_lost_limbs,
)
from obclip.privacy.normalise import REPHRASE, refuse, spelled_out
from obclip.privacy.scan import Unit
from obclip.privacy.slips import slip
from obclip.privacy.things import WORD
from obclip.privacy.titles import check_titles
from obclip.privacy.vocabulary import vocabulary

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

# Size in everyday words is no word of the body: "a big girl", "big brother".
_SIZE_ROWS = frozenset(["big.sg", "huge.sg", "large.sg"])
# Clothes named for the body they show, as a bikini is.
_BARING = frozenset(
    ["swimsuit", "swimsuits", "swimwear", "miniskirt", "miniskirts", "minidress", "microskirt"]
)
_SHORT = frozenset(["short", "mini", "micro", "tiny"])
_SKIRTS = frozenset(["skirt", "skirts"])
# Ordinary words among the surnames: a person only beside another name or with a capital, and
# never before these words.
_ORDINARY = {
    "blunt": frozenset(
        ["bangs", "bob", "cut", "edge", "edges", "end", "ends", "fringe", "hair", "haircut"]
    ),
    "trump": frozenset(["card", "cards", "suit"]),
    "gosling": frozenset[str](),
    "thatcher": frozenset[str](),
    "bullock": frozenset(["cart", "carts"]),
}
#: Half of an origin: the other half would stay in clear beside any nationality.
_PARTLY = frozenset(
    ["half", "afro", "indo", "franco", "sino", "anglo", "luso", "hispano", "russo", "greco",
     "graeco", "italo", "judeo", "austro", "turko", "dano", "swedo", "polono", "euro", "ibero"]
)  # fmt: skip
_ARTICLES = frozenset(["a", "an", "the", "little", "small", "fluffy", "baby", "cute", "two"])
_INTIMATE_ROWS = frozenset(
    [
        "wife.sg",
        "wife.pl",
        "girlfriend.sg",
        "girlfriend.pl",
        "bride.sg",
        "bride.pl",
        "fiance.sg",
        "fiancé.sg",
        "lesbian.sg",
        "lesbian.pl",
        "lesbian_couple.sg",
        "lesbian_couple.pl",
        "hubby.sg",
    ]
)


def check_clear_words(units: list[Unit], judge: Judge) -> None:
    """Refuse names, foreign words, near-misses and person words that stand in no row."""
    classes = judge.classes
    names, foreign, unresolved = classes["names"], classes["foreign"], classes["unresolved"]
    common, first = classes["names_common"], classes["first_names"]
    credited = credited_units(units)
    check_given_names(units, judge, credited)
    check_titles(units, judge, credited)
    check_conditions(units, judge)
    check_lost_limbs(units, judge)
    check_count(units, judge)
    check_halves(units, lexicon().first)
    _check_language([unit.low for unit in units if unit.low[0].isalpha()], classes)
    for i, unit in enumerate(units):
        low = unit.low
        if unit.key == "native3.sg" and _before_nationality(units, i):
            raise refuse(
                "unknown_person_word",
                f"{unit.text!r} before a nationality stands in no row",
                unit.text,
            )
        if unit.row is not None or unit.key == WORD or not low[0].isalnum():
            continue
        if (meant := slip(low)) is not None:
            raise refuse(
                "near_miss",
                f"{unit.text!r} is nearly {meant!r}",
                unit.text,
                f"write {meant!r}, or rephrase",
            )
        if low in classes["third"]:
            raise refuse(
                "third_gender",
                f"{unit.text!r} names a third gender, which this profile does not have",
                unit.text,
                "turn on the profile's third gender (--third-gender)",
                REPHRASE,
            )
        if low in _PARTLY and _before_nationality(units, i):
            raise refuse(
                "unknown_person_word", f"{unit.text!r} before a nationality stands in no row", low
            )
        if (low in classes["faith"] and (judge.head(i) >= 0 or alone(judge, i))) or (
            low in ("color", "colour") and _of_person(units, i, judge)
        ):
            raise refuse(
                "unknown_person_word",
                f"{unit.text!r} names an attribute but stands in no row",
                unit.text,
            )
        rug = low == "oriental" and i + 1 < len(units) and units[i + 1].low in judge.things
        if low in unresolved and not rug:
            raise refuse(
                "unknown_person_word",
                f"{unit.text!r} names an attribute but stands in no row",
                unit.text,
            )
        if low in foreign and i not in credited:
            raise refuse(
                "other_language",
                f"{unit.text!r} is not English, which alone can be closed",
                unit.text,
            )
        if low in classes["characters"] and i not in credited and not dressed(units, i, i + 1):
            raise refuse("named_person", f"{unit.text!r} names a character", unit.text)
        if low in _ORDINARY and _ordinary(units, i, names | common):
            continue
        named = low in names or (low in common and _beside_name(units, i, names, common))
        if i not in credited and (named or (low in first and not _tag(units, i))):
            raise refuse(
                "named_person", f"{unit.text!r} names a person, who cannot be masked", unit.text
            )


def _ordinary(units: list[Unit], i: int, names: frozenset[str]) -> bool:
    """Whether a surname that is a word too is that word: "blunt bangs", "a gosling"."""
    before = units[i - 1] if i else None
    if before is not None and (
        before.low in names or (before.row is not None and before.row.kind == "name")
    ):
        return False
    after = units[i + 1].low if i + 1 < len(units) else ""
    if after in _ORDINARY[units[i].low]:
        return True
    return units[i].text.islower() and before is not None and before.low in _ARTICLES


def _before_nationality(units: list[Unit], i: int) -> bool:
    j = i + 2 if i + 1 < len(units) and units[i + 1].low == "-" else i + 1
    row = units[j].row if j < len(units) else None
    return row is not None and row.attributes == ("nationality",)


def _of_person(units: list[Unit], i: int, judge: Judge) -> bool:
    """As in "a person of color"."""
    return i > 1 and units[i - 1].low == "of" and judge.is_person(i - 2)


def _check_language(words: list[str], classes: dict[str, frozenset[str]]) -> None:
    """Refuse a text a quarter of whose words are function words of another language."""
    for name, theirs in classes.items():
        if name.startswith("function_"):
            hits = [word for word in words if word in theirs]
            if len(set(hits)) > 1 and 4 * len(hits) >= len(words):
                raise refuse("other_language", f"{hits[0]!r} is not English", hits[0])


def _tag(units: list[Unit], i: int) -> bool:
    """Whether a name opens a later tag ("..., alexander mcqueen, octane render"): a credit."""
    return (
        units[i - 1].low == "," and sum(unit.low == "," for unit in units[:i]) > 2 if i else False
    )


def check_spelled_out(text: str, table: Lexicon) -> None:
    """Refuse "w o m a n"."""
    for word in spelled_out(text):
        low = word.lower()
        # an article or a stray letter may stand before or after the spelled word
        for part in (low, low[1:], low[:-1], low[1:-1]):
            if len(part) > 2 and any(len(e.words) == 1 for e in table.first.get(part, ())):
                raise refuse("near_miss", f"{word!r} is spelled letter by letter", word)


def _beside_name(units: list[Unit], i: int, names: frozenset[str], common: frozenset[str]) -> bool:
    """Whether a common word (grace, fox) is part of a name: it stands right beside another one."""
    for j in (i - 1, i + 1):
        if not 0 <= j < len(units) or units[j].row is not None or not units[max(i, j)].gap:
            continue
        if units[max(i, j)].low in vocabulary().things and units[max(i, j)].text.islower():
            continue  # a rose bush
        alike = units[j].text[0].isupper() == units[i].text[0].isupper()
        if units[j].low in names or (units[j].low in common and alike):
            return True
    return False


def check_child_rule(a: Analyser) -> None:
    """Rule 13: beside body, orientation or intimacy, child leaves the age orbit.

    A prompt that itself says child is refused. So does "1girl": by rule 3 its row is a child's, and
    a tag that others read as "a woman of any age" would else show a child where intimacy is said.
    """
    rows = a.table.rows
    sensitive = ""
    for i, unit in enumerate(a.units):
        if unit.row is None:
            if unit.low in a.judge.classes["sensitive"] or _baring(a.units, i):
                sensitive = unit.text
                break
        elif unit.key in _INTIMATE_ROWS or (
            unit.key not in _SIZE_ROWS
            and unit.row.kind in ("adj", "any")
            and rows[unit.key].attributes[0] in ("body", "orientation")
        ):
            sensitive = unit.text
            break
    if not sensitive:
        return
    if a.says_child:
        raise refuse(
            "child_rule",
            f"{a.says_child!r} says a child and cannot stand with {sensitive!r}",
            a.says_child,
            f"leave {sensitive!r} out, or write a grown-up's word"
            " (woman for girl, man for boy, 1woman for 1girl)",
        )
    for draft in a.drafts:
        if draft.attribute == "age":
            draft.values = tuple(v for v in draft.values if v != CHILD)


def _baring(units: list[Unit], i: int) -> bool:
    """A swimsuit, a short skirt."""
    low = units[i].low
    return low in _BARING or (low in _SKIRTS and i > 0 and units[i - 1].low in _SHORT)


__all__ = ["check_child_rule", "check_clear_words", "check_spelled_out"]

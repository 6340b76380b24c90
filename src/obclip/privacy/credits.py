"""Which words belong to the credit of an artist ("by X, Y and Z", "in the style of X").

Protects: names of artists may stay in clear without opening a gap: a credit ends with its sentence,
at a pronoun and at a clause of its own, and it never excuses a pronoun or a person noun. Does not
protect: the artist's name.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge
from obclip.privacy.scan import Unit
from obclip.privacy.vocabulary import vocabulary

_NO_CREDIT = frozenset(
    ["the", "a", "an", "their", "my", "her*", "herself*", "she*", "night", "day", "hand", "side"]
)
_WORKS = frozenset(["style", "art", "work", "works", "manner"])
_GOES_ON = frozenset(["and", "or", "by", "of", "in", "on", "from", "style", "art", "via", "with"])
_TITLES = frozenset(["jr", "st", "dr", "mr"])
# Rows whose words are surnames too ("by alyssa monk", "by bill king").
_SURNAMES = frozenset(
    [
        "queen.sg",
        "nun.sg",
        "princess.sg",
        "bishop.sg",
        "pope.sg",
        "dame.sg",
        "baroness.sg",
        "duchess.sg",
        "abbess.sg",
        "guy.sg",
        "priest.sg",
        "age*",
        "white.sg",
        "mistress.sg",
    ]
)


def credited_units(units: list[Unit]) -> frozenset[int]:
    """The indices of the units that stand in a credit."""
    found: set[int] = set()
    inside = False
    for i, unit in enumerate(units[:-1]):
        low, after = unit.low, units[i + 1]
        if inside and (
            low in ("!", "?", ";")
            or (low == "." and not _initial(units, i))
            or (unit.row is not None and unit.row.kind == "pronoun")
            or (low == "," and _clause(units, i + 1))
        ):
            inside = False
        if (low == "by" and after.key not in _NO_CREDIT) or (
            low == "of" and i > 0 and units[i - 1].low in _WORKS
        ):
            inside = True
        if inside:
            found.update((i, i + 1))
    return frozenset(found)


def _initial(units: list[Unit], i: int) -> bool:
    """Whether the point at i ends an initial or a title ("h. r. giger", "jr.")."""
    return i > 0 and (len(units[i - 1].low) == 1 or units[i - 1].low in _TITLES)


def _clause(units: list[Unit], i: int) -> bool:
    """Whether a tag is a name that something is said of ("Emma wears a hat")."""
    if i + 1 >= len(units):
        return False
    row, after = units[i].row, units[i + 1].low
    said = after in vocabulary().classes["stop"] or after.endswith("ing")
    return row is not None and row.kind == "name" and said and after not in _GOES_ON


def surname(judge: Judge, i: int) -> bool:
    """As in "by alyssa monk": a word of the table as the second part of a credited name."""
    units = judge.units
    row = units[i].row
    if i < 2 or units[i - 2].low != "by" or row is None:
        return False
    if row.kind not in ("name", "adj") and row.name not in _SURNAMES:
        return False
    if row.kind in ("adj", "age") and judge.head(i) >= 0:
        return False
    first = units[i - 1]
    if first.row is not None:
        return first.row.kind == "name"
    return not (judge.ends(i - 1) or judge.adjectival(i - 1) or judge.is_person(i - 1))

"""A title and the name behind it ("Uncle Bob", "King Solomon", "Sir Gawain"): refused.

Protects: of such a pair the title alone would be masked, and the name would tell whose it is. The
verdict reads the title's row and the clear word behind it, so it is the same for every member. Does
not protect: a name in small letters that no list knows.
"""

from __future__ import annotations

from functools import cache

from obclip.privacy.judge import Judge
from obclip.privacy.lexicon import lexicon
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import Unit
from obclip.privacy.vocabulary import vocabulary

_TITLES = (
    "aunt", "auntie", "grandma", "queen", "princess", "madam", "dame", "prophetess", "duchess",
    "countess", "empress", "baroness", "sister", "pope", "priestess", "abbess", "lady",
)  # fmt: skip
_NAMES = ("names", "names_common", "given_words", "first_names")
_LONG = 3  # letters of a word whose capital says something


@cache
def _rows() -> frozenset[str]:
    first = lexicon().first
    return frozenset(
        entry.row.name for word in _TITLES for entry in first[word] if len(entry.words) == 1
    )


def check_titles(units: list[Unit], judge: Judge, credited: frozenset[int]) -> None:
    """Refuse a name behind a title.

    Raises:
        PromptRefused: with the name.
    """
    for i, unit in enumerate(units[1:], 1):
        before = units[i - 1]
        if before.row is None or before.row.name not in _rows() or i in credited:
            continue
        if unit.row is None and unit.gap and _name(units, judge, i):
            raise refuse(
                "named_person", f"{unit.text!r} names a person, who cannot be masked", unit.text
            )


def _name(units: list[Unit], judge: Judge, i: int) -> bool:
    """Whether the clear word at i is a name: of a list, or unknown and with both capitals."""
    low = units[i].low
    if not low.isalpha() or len(low) < _LONG or judge.ends(i) or low in judge.things:
        return False
    capitals = units[i - 1].text[0].isupper() and units[i].text[0].isupper()
    if low in judge.classes["given_names"]:
        return True
    if not capitals or any(low in judge.classes[name] for name in _NAMES):
        return capitals
    return not (low in vocabulary().known or _inflected(low) or _title_case(units))


def _title_case(units: list[Unit]) -> bool:
    """Whether clear words have capitals throughout ("The King Sits On His Throne")."""
    words = [u.text for u in units if u.row is None and u.low.isalpha() and len(u.low) >= _LONG]
    return len(words) > 1 and all(word[0].isupper() for word in words)


def _inflected(low: str) -> bool:
    return low.endswith(("ing", "ed", "ly"))

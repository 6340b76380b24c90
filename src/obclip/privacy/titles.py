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
_NAMES = ("names", "names_common", "given_words", "given_names", "first_names")
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
    titled = None
    for i, unit in enumerate(units[1:], 1):
        before = units[i - 1]
        if before.row is None or before.row.name not in _rows() or i in credited:
            continue
        if unit.row is not None or not unit.gap or not unit.low.isalpha() or len(unit.low) < _LONG:
            continue
        capital = before.text[0].isupper() and unit.text[0].isupper()
        if capital and titled is None:
            titled = _title_case(units)
        listed = any(unit.low in judge.classes[name] for name in _NAMES)
        if listed and (capital or unit.low in judge.classes["given_names"]):
            pass
        elif not capital or titled or unit.low in vocabulary().known or _inflected(unit.low):
            continue
        if judge.ends(i) or unit.low in judge.things:
            continue
        raise refuse(
            "named_person", f"{unit.text!r} names a person, who cannot be masked", unit.text
        )


def _title_case(units: list[Unit]) -> bool:
    """Whether the text writes most words with a capital ("The King Sits On His Throne")."""
    words = [unit.text for unit in units if unit.low.isalpha() and len(unit.low) >= _LONG]
    small = sum(word[0].islower() for word in words)
    return len(words) > _LONG and small < 2


def _inflected(low: str) -> bool:
    return low.endswith(("ing", "ed", "ly"))

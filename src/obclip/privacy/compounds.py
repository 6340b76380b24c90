"""Words made with "woman" or "man" that the table does not list (frogwoman, choirboy, henchmen).

Protects: no "...man" or "...girl" leaves in clear because nobody thought of its first half; the
pair is read from the ending alone, so it is its own closed row. Does not protect: the first half,
and the words of a closed list that only look so (human, ottoman, specimen).
"""

from __future__ import annotations

from functools import lru_cache

from obclip.privacy.lexicon import Row, Values
from obclip.privacy.slips import slip
from obclip.privacy.vocabulary import vocabulary

MARK = "+"
# ending -> (value, the two endings, plural); a longer ending is tried first
_ENDINGS = {
    woman if value == "woman" else man: (value, (woman, man), plural)
    for woman, man, plural in (
        ("woman", "man", False), ("women", "men", True), ("girl", "boy", False),
        ("girls", "boys", True),
    )
    for value in ("woman", "man")
}  # fmt: skip
_TRIED = tuple(sorted(_ENDINGS, key=lambda ending: (-len(ending), ending)))
_LAST = ("man", "men", "girl", "girls", "boy", "boys")
_SHORTEST = 3


@lru_cache(maxsize=4096)
def compound(word: str) -> tuple[Row, tuple[str]] | None:
    """The row of a compound and the value it says, or None."""
    if not word.endswith(_LAST) or not word.isalpha():
        return None
    words = vocabulary()
    if word in words.known or slip(word) is not None:
        return None
    for ending in _TRIED:
        stem = word.removesuffix(ending)
        if stem == word:
            continue
        value, (woman, man), plural = _ENDINGS[ending]
        if len(stem) < _SHORTEST or not words.known.isdisjoint((stem + woman, stem + man)):
            return None
        forms: dict[Values, str] = {("woman",): stem + woman, ("man",): stem + man}
        name = f"{MARK}{stem}{woman}"
        return Row(name, "noun", plural, ("gender",), forms), (value,)
    return None

"""Near-misses of the table's words: misspelt, with digits for letters, or spelled letter by letter.

Protects: "womman", "w0man" and "w o m a n" do not slip through in clear. Does not protect: a word
twisted so far that the model would not read it either.
"""

from __future__ import annotations

from functools import cache, lru_cache

from obclip.privacy.lexicon import lexicon
from obclip.privacy.normalise import plain
from obclip.privacy.vocabulary import vocabulary

_CORE = [
    "young",
    "woman",
    "women",
    "girl",
    "gentleman",
    "gentlemen",
    "female",
    "females",
    "mother",
    "father",
    "sister",
    "brother",
    "daughter",
    "wife",
    "grandmother",
    "grandfather",
    "grandma",
    "grandpa",
    "princess",
    "goddess",
    "actress",
    "waitress",
    "wizard",
    "elderly",
    "teenager",
    "teenage",
    "toddler",
    "infant",
    "children",
    "chinese",
    "japanese",
    "korean",
    "indian",
    "african",
    "asian",
    "caucasian",
    "european",
    "american",
    "mexican",
    "russian",
    "german",
    "french",
    "british",
    "italian",
    "spanish",
    "muslim",
    "christian",
    "jewish",
    "hindu",
    "buddhist",
    "disabled",
    "wheelchair",
    "lesbian",
    "bisexual",
    "homosexual",
    "transgender",
    "latina",
    "latino",
    "hispanic",
    "arab",
    "grandson",
    "granddaughter",
    "girlfriend",
    "boyfriend",
    "nephew",
    "herself",
    "himself",
    "schoolgirl",
    "businessman",
    "businesswoman",
    "policeman",
    "policewoman",
]
_SHORTEST = 5


@cache
def _neighbours() -> dict[str, str]:
    """Every core word with one letter left out, for look-up of words one edit away."""
    found: dict[str, str] = {}
    for word in _CORE:
        if len(word) >= _SHORTEST:
            found[word] = word
            for shorter in _deletes(word):
                found.setdefault(shorter, word)
    return found


def _deletes(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


def _edits(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours makes b of a."""
    if abs(len(a) - len(b)) > 1:
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    if len(a) == len(b):
        return a[i + 1 :] == b[i + 1 :] or (
            a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
        )
    return a[i + 1 :] == b[i:] or a[i:] == b[i + 1 :]


@lru_cache(maxsize=4096)
def slip(word: str) -> str | None:
    """The word of the table that a clear word nearly is, or None."""
    table = lexicon().first
    if any(c.isdigit() for c in word) and any(c.isalpha() for c in word):
        meant = plain(word)
        entries = table.get(meant, ())
        if meant != word and len(meant) > 2 and any(len(e.words) == 1 for e in entries):
            return meant
        return None
    if len(word) < _SHORTEST or not word.isalpha():
        return None
    words = vocabulary()
    if word in words.known:
        return None
    near = _neighbours()
    for key in (word, *_deletes(word)):
        meant = near.get(key, "")
        if meant and meant != word and _edits(word, meant):
            return meant
    return None

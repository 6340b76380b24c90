"""The closed word classes and idioms that the masked decisions read.

Protects: every decision is a look-up in a reviewed list, never a guess from the protected word
itself; an idiom exempts its whole row ("king penguin" and "queen penguin" alike). Does not protect:
an idiom that is missing here is treated as a person, which costs pictures but leaks nothing.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from obclip.privacy.lexicon import Lexicon, lexicon, words_of
from obclip.privacy.taxonomy import lines, read

Key = tuple[str, ...]


class Vocabulary(NamedTuple):
    """Closed classes by name, person nouns, object classes, and idioms by their first key."""

    classes: dict[str, frozenset[str]]
    persons: frozenset[str]
    things: dict[str, str]  # word -> "~animal" or "~thing"
    idioms: dict[str, dict[str, tuple[Key, ...]]]  # first key -> second key -> whole, longest first
    characters: frozenset[Key]  # those idioms that name somebody (Spider-Man)
    known: frozenset[str]  # every word of every list: never a misspelling


@cache
def vocabulary() -> Vocabulary:
    """Load the lists once."""
    classes = {}
    for line in lines("words.txt"):
        name, _, words = line.partition(": ")
        classes[name] = frozenset(words.split())
    things: dict[str, str] = {}
    for line in lines("classes.txt"):
        name, _, words = line.partition(": ")
        for word in words.split():
            things.setdefault(word, f"~{name}")
    table = lexicon()
    # a word of the table is a person by its row: unmasked by an idiom, it is none (raccoon queen)
    rowed = {word for word, entries in table.first.items() if len(entries[-1].words) == 1}
    single = frozenset(" ".join(lines("persons.txt")).split())
    plurals = {plural(word) for word in single if len(word) > 2}
    classes["headonly"] |= {plural(word) for word in classes["headonly"] & single}
    persons = single.union(plurals - set(things) - classes["stop"] - classes["adjective"]) - rowed
    known = persons.union(things, table.first, *classes.values())
    return Vocabulary(classes, persons, things, *_idioms(table), known)


def plural(word: str) -> str:
    """The regular plural of a noun: guards, coaches, missionaries, tribesmen."""
    if word.endswith("man"):
        return word[:-2] + "en"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def masked_keys(words: list[str], table: Lexicon) -> Key:
    """The keys of a phrase: a row's name where a form of it stands, else the word."""
    keys: list[str] = []
    i = 0
    while i < len(words):
        for entry in table.first.get(words[i], ()):
            if not entry.capital and tuple(words[i : i + len(entry.words)]) == entry.words:
                keys.append(entry.row.name)
                i += len(entry.words)
                break
        else:
            keys.append(words[i])
            i += 1
    return tuple(keys)


def _idioms(table: Lexicon) -> tuple[dict[str, dict[str, tuple[Key, ...]]], frozenset[Key]]:
    found: dict[str, dict[str, set[Key]]] = {}
    named: set[Key] = set()
    for line in read("idioms.txt").split("\n"):
        if not line or line[0] == "#":
            continue
        keys: list[str] = []
        phrase: list[str] = []
        for part in line.removeprefix("!").split():
            if part[0] == "~" or not any(c.isalnum() for c in part):
                keys += [*masked_keys(phrase, table), part]
                phrase = []
            else:
                phrase += words_of(part)
        keys += masked_keys(phrase, table)
        if line[0] == "!":
            named.add(tuple(keys))
        second = keys[1] if len(keys) > 1 else ""
        found.setdefault(keys[0], {}).setdefault(second, set()).add(tuple(keys))
    return {
        first: {
            second: tuple(sorted(whole, key=lambda keys: (-len(keys), keys)))
            for second, whole in seconds.items()
        }
        for first, seconds in found.items()
    }, frozenset(named)

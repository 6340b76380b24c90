"""The one table: every surface form stands in exactly one cell of exactly one row.

Protects: closure. A row is a lemma, a cell its form for one combination of values; because no form
stands twice, a word names its row and its values without any guess, and every other member of the
row leads back to it. Does not protect: words that stand in no row.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import NamedTuple

from obclip.errors import TaxonomyError
from obclip.privacy.taxonomy import attributes, lines

ADULT, CHILD = "adult", "child"
CAPITAL = "^"  # before a form that is read only with a capital
Values = tuple[str, ...]
# Adjectives of age; which of them stand in one orbit depends on the noun (see ages.py).
AGE_WORDS = [
    "little",
    "small",
    "young",
    "middle-aged",
    "elderly",
    "youthful",
    "mature",
    "old",
    "younger",
    "older",
    "aged",
    "childlike",
    "childish",
    "juvenile",
]
PRONOUNS = {
    "she*": ["she", "he"],
    "her*": ["her", "hers", "him", "his"],
    "herself*": ["herself", "himself"],
}
_WORDS = re.compile(r"[^\W_]+|'(?:s|un)\b|[+']")


class Row(NamedTuple):
    """A lemma. ``forms`` maps one value of each attribute (``fam``: gender, then adult/child)."""

    name: str
    kind: str  # fam | noun | adj | any | name | pronoun
    plural: bool
    attributes: tuple[str, ...]
    forms: dict[Values, str]

    @property
    def proper(self) -> bool:
        """Whether every form is written with a capital of its own (Chinese, Emma)."""
        return all(form[0].isupper() for form in self.forms.values())

    @property
    def mixed(self) -> bool:
        """Whether only some forms have a capital of their own (indigenous, Maori)."""
        return self.kind == "adj" and len({form[0].isupper() for form in self.forms.values()}) > 1


class Entry(NamedTuple):
    """One surface form: the words to read, the row and the cell it stands in.

    ``capital``: written "^Pole" in the table, a word of another meaning without its capital.
    """

    words: tuple[str, ...]
    row: Row
    values: Values
    capital: bool = False


class Lexicon(NamedTuple):
    """All rows, by first word and by key; ``families`` are nouns that change with age."""

    rows: dict[str, Row]
    first: dict[str, tuple[Entry, ...]]


def words_of(form: str) -> tuple[str, ...]:
    """The words a form is recognised by; spaces and hyphens between them do not matter."""
    return (form.lower(),) if form.isalpha() else tuple(_WORDS.findall(form.lower()))


def plural_of(noun: str) -> str:
    """English plural of the last word, by rule; irregular ones are written in the table."""
    for old, new in (
        ("woman", "women"),
        ("man", "men"),
        ("person", "people"),
        ("child", "children"),
    ):
        if noun.endswith(old) and not noun.endswith(("human", "german")):
            return noun[: -len(old)] + new
    head, _, tail = noun.rpartition(" ")
    if " of " in noun:  # woman of African descent
        return re.sub(r"^(wo)?man\b", lambda m: f"{m[1] or ''}men", noun)
    if tail.endswith("y") and tail[-2] not in "aeiou":
        tail = tail[:-1] + "ies"
    elif tail.endswith(("s", "x", "ch", "sh", "z")):
        tail += "es"
    else:
        tail += "s"
    return f"{head} {tail}" if head else tail


def _cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in group.split("|")] for group in text.split(";")]


def _number(cell: str, plural: bool, both: bool) -> str:
    if not both:
        return cell
    singular, _, given = cell.partition(",")
    return (given or plural_of(singular)) if plural else singular


def _rows(third: bool) -> list[Row]:
    spaces = attributes()
    found: list[Row] = []
    for line in lines("lexicon.txt"):
        name, kind, names, text = line.split(" : ")
        attrs = tuple(names.split("+")) if names != "-" else ()
        kind, _, number = kind.partition(".")
        if kind in ("pl", "sg"):
            kind, number = "noun", kind
        groups = _cells(text)
        if kind == "fam":
            keys = [
                [(g, age) for g in spaces["gender"].values] if attrs else [(age,)]
                for age in (ADULT, CHILD)
            ]
        elif len(attrs) == 1:
            keys = [[(v,) for v in spaces[attrs[0]].values]]
            if attrs == ("gender",):
                groups[0] += ["-"] * (3 - len(groups[0]))
        else:
            keys = [[(a, b) for b in spaces[attrs[1]].values] for a in spaces[attrs[0]].values]
        if [len(k) for k in keys] != [len(g) for g in groups]:
            raise TaxonomyError("a row has too few or too many cells", got=name)
        cells = {
            key: cell
            for row_keys, group in zip(keys, groups, strict=True)
            for key, cell in zip(row_keys, group, strict=True)
            if cell != "-" and (third or "non-binary" not in key)
        }
        both = kind in ("noun", "fam") and not number
        numbers = (False, True) if both else (number == "pl",)
        for plural in numbers:
            forms = {key: _number(cell, plural, both) for key, cell in cells.items()}
            found.append(Row(f"{name}.{'pl' if plural else 'sg'}", kind, plural, attrs, forms))
    found += _regional("nationalities.txt", "adj", False) + _regional(
        "nationality_plurals.txt", "noun", True
    )
    found += _names()
    found += [Row("age*", "age", False, ("age",), {(word,): word for word in AGE_WORDS})]
    for key, third_form in (
        ("she*", "they"),
        ("her*", "them their theirs"),
        ("herself*", "themself"),
    ):
        words = PRONOUNS[key] + (third_form.split() if third else [])
        found.append(Row(key, "pronoun", False, ("gender",), {(word,): word for word in words}))
    return found


def _regional(file: str, kind: str, plural: bool) -> list[Row]:
    values = attributes()["nationality"].values
    return [
        Row(
            f"{kind}:{line.split(' | ')[0]}",
            kind,
            plural,
            ("nationality",),
            {(v,): form.strip() for v, form in zip(values, line.split("|"), strict=True)},
        )
        for line in lines(file)
    ]


def _names() -> list[Row]:
    keys: list[Values] = list(product(("woman", "man"), attributes()["ethnicity"].values))
    found = []
    for line in lines("names.txt"):
        cells = [cell for group in _cells(line) for cell in group]
        forms = dict(zip(keys, cells, strict=True))
        found.append(Row(f"name:{cells[0]}", "name", False, ("gender", "ethnicity"), forms))
    return found


def build(rows: list[Row]) -> Lexicon:
    """Index the rows; a surface form that stands twice fails here, and so fails the build."""
    index: dict[str, list[Entry]] = {}
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        for values, form in row.forms.items():
            capital = form[0] == CAPITAL
            if capital:
                form = row.forms[values] = form[1:]
            words = words_of(form)
            if words in seen:
                raise TaxonomyError(
                    "a surface form stands in two cells",
                    got=f"{form} ({row.name})",
                    expected=seen[words],
                )
            seen[words] = row.name
            index.setdefault(words[0], []).append(Entry(words, row, values, capital))
    return Lexicon(
        {row.name: row for row in rows},
        {
            word: tuple(sorted(entries, key=lambda e: -len(e.words)) if entries[1:] else entries)
            for word, entries in index.items()
        },
    )


def lexicon(third: bool = False) -> Lexicon:
    """The built-in table; with ``third`` the profile's third gender has its own cells."""
    return _built(third)


@cache
def _built(third: bool) -> Lexicon:  # apart, so that a default left out is the same table
    return build(_rows(third))

"""Text into units: words, marks, and the surface forms of the table, longest first.

Protects: the masked text. A unit that stands in the table is known to later decisions by its row
(`key`) only; its values are kept aside for rendering. Does not protect: units outside the table.
"""

from __future__ import annotations

import re

from obclip.privacy.compounds import compound
from obclip.privacy.emoji import CLUSTER, read_emoji
from obclip.privacy.lexicon import Entry, Lexicon, Row, Values

_TOKEN = re.compile(r"[^\W_]+|'(?:s|ll|d|re|ve|m|un)\b|\s+|.")
_FIGURE = re.compile(
    r"(?<![\w./-])(?<!\d,)(?P<n>\d{1,4}|\d \d)"
    r"(?P<unit>(?P<a> - |-| )?(?:years?|yrs?)(?P<b> - |-| )?olds?"
    r"|(?P<c> - |-| )?(?:years?|yrs?)(?: of age)"
    r"|(?P<d> )?(?:yo|y/o|y\.o\.?)|(?:st|nd|rd|th)(?= birthday))(?!\w)"
    r"|\b(?P<pre>(?:aged|age:?) (?:of )?)(?P<m>\d{1,3}|\d \d)"
    r"(?![\w.%:]|-year| ?(?:years|yrs|mm|%))",
    re.IGNORECASE,
)

_SCHOOL = frozenset(["school_girl.sg", "school_girl.pl"])
_GRADES = frozenset(["high", "middle", "elementary", "primary", "secondary", "grade", "boarding"])
BIRTHDAY = "th"  # every representative age ends so: "her 18th birthday"
_ORDINALS = frozenset(["st", "nd", "rd", "th"])
_DETERMINERS = frozenset(
    [
        "a",
        "an",
        "the",
        "two",
        "three",
        "four",
        "five",
        "some",
        "many",
        "several",
        "and",
        "of",
        "with",
    ]
)


class Unit:
    """One word, mark or form of the table. ``key`` is what masked decisions may read."""

    __slots__ = ("emoji", "end", "figure", "gap", "key", "low", "row", "start", "text", "values")

    def __init__(self, text: str, gap: bool, start: int, end: int) -> None:
        self.text = text
        self.low = text.lower()
        self.gap = gap
        self.start = start
        self.end = end
        self.key = self.low
        self.row: Row | None = None
        self.values: Values = ()
        self.emoji: tuple[str, list[tuple[str, str]]] | None = None
        self.figure: tuple[str, str, int] | None = None  # text before, text after, the number

    def unmask(self) -> None:
        """Leave this unit in clear."""
        self.row, self.values, self.key, self.figure = None, (), self.low, None


def _figures(text: str) -> dict[int, Unit]:
    low = text.lower()
    if "y" not in low and "age" not in low:
        return {}
    found = {}
    for match in _FIGURE.finditer(text):
        number = (match["n"] or match["m"]).replace(" ", "")
        if match["pre"]:
            before, after = match["pre"].lower(), ""
        else:
            before, after = "", match["unit"].lower().replace(" - ", "-")
            after = BIRTHDAY if after in _ORDINALS else after
        unit = Unit(match[0], False, match.start(), match.end())
        unit.figure = (before, after, int(number))
        unit.key = f"#{before}{after}"
        found[match.start()] = unit
    return found


def _signs(text: str) -> dict[int, Unit]:
    """Emoji of people, as units of their own."""
    if text.isascii():
        return {}
    found = {}
    for match in CLUSTER.finditer(text):
        said = read_emoji(match[0])
        if said is not None:
            unit = Unit(match[0], False, match.start(), match.end())
            unit.emoji = said
            unit.key = f"~emoji {said[0]}"
            found[match.start()] = unit
    return found


def scan(text: str, table: Lexicon) -> list[Unit]:
    """Units of a normalised prompt, forms of the table masked."""
    figures = _figures(text) | _signs(text)
    tokens: list[Unit] = []
    gap, skip = False, 0
    for match in _TOKEN.finditer(text):
        start = match.start()
        if start < skip:
            continue
        text_here = match[0]
        if text_here == " ":
            gap = True
            continue
        unit = figures.get(start) if figures else None
        if unit is not None:
            unit.gap = gap
            skip = unit.end
        else:
            unit = Unit(text_here, gap, start, match.end())
        tokens.append(unit)
        gap = False
    return _match(text, tokens, table)


def _match(text: str, tokens: list[Unit], table: Lexicon) -> list[Unit]:
    units: list[Unit] = []
    first = table.first
    i, count = 0, len(tokens)
    while i < count:
        unit = tokens[i]
        entries = first.get(unit.low) if unit.figure is None else None
        if entries:
            after = _next_word(tokens, i) if len(entries[0].words) > 1 else ""
            for entry in entries:
                if entry.row.name in _SCHOOL and _graded(units):
                    continue  # a "high school" boy, not a high "school boy"
                if entry.capital and not _capital(tokens[i], entry, units):
                    continue
                if len(entry.words) == 1:
                    last = i
                else:
                    last = _last(tokens, i, entry) if entry.words[1] == after else -1
                if last >= 0:
                    if last > i:
                        whole = Unit(
                            text[unit.start : tokens[last].end],
                            unit.gap,
                            unit.start,
                            tokens[last].end,
                        )
                        unit, i = whole, last
                    unit.row, unit.values, unit.key = entry.row, entry.values, entry.row.name
                    break
        elif unit.figure is None and (made := compound(unit.low)) is not None:
            unit.row, unit.values = made
            unit.key = unit.row.name
        units.append(unit)
        i += 1
    return units


def _graded(before: list[Unit]) -> bool:
    """Whether a grade of school stands right before ("high school boy", "middle-school girls")."""
    last = before[-2:] if before and before[-1].low == "-" else before[-1:]
    return bool(last) and last[0].low in _GRADES


def _capital(token: Unit, entry: Entry, before: list[Unit]) -> bool:
    """Whether a form that needs its capital stands where a person can: "a Pole", "an old Pole"."""
    if not token.text[0].isupper():
        return False
    if entry.row.kind in ("adj", "any"):
        return True
    return bool(before) and (before[-1].row is not None or before[-1].low in _DETERMINERS)


def _next_word(tokens: list[Unit], i: int) -> str:
    i += 2 if i + 1 < len(tokens) and tokens[i + 1].low == "-" else 1
    return tokens[i].low if i < len(tokens) else ""


def _last(tokens: list[Unit], i: int, entry: Entry) -> int:
    """Index of the last token of a form of several words, or -1."""
    for word in entry.words[1:]:
        i += 1
        if i < len(tokens) and tokens[i].low == "-":
            i += 1
        if i >= len(tokens) or tokens[i].low != word:
            return -1
    return i

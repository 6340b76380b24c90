"""Pieces and literals into a template, in the one normal spelling.

Protects: capitals, articles and possessives are read from positions and kept as styles, so they
never tell a value. Does not protect: unusual spellings, which are brought to the normal form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy.phrases import phrases, whole, written
from obclip.privacy.scan import Unit
from obclip.privacy.template import Piece, Segment, Slot, Template, spoken

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser, Analysis


def caps_of(unit: Unit, natural: str, start: bool, titled: bool) -> str:
    """The capital style a form is written in: natural, first, title or upper."""
    text = unit.text
    if unit.row is not None and unit.row.mixed:
        acronym = any(form.isupper() for form in unit.row.forms.values())  # LGBT
        shouted = len(text) > 1 and text.isupper() and not acronym
        style = "title" if titled else "first" if start else "natural"
        return "upper" if shouted else style
    if text == natural or text.islower() or not text[:1].isalpha():
        letters = [c for c in text if c.isalpha()]
        if text == natural or not letters or not all(c.isupper() for c in letters):
            return "natural"
    if text.isupper() and len(text) > 1:
        return "upper"
    if text[0].isupper() and not natural[:1].isupper():
        return "first" if start and not titled else "title"
    return "natural"


Span = tuple[int, int, tuple[int, ...]]
_OPENING = ("(", "[", '"', "'", "*")


def _article(units: list[Unit], i: int) -> bool:
    return i >= 0 and units[i].low in ("a", "an")


def _caps_here(a: Analyser, i: int, lead: int, piece: Piece, start: bool) -> str:
    """The capital style of the piece at i, whose first word stands at ``lead``."""
    if a.swallowed.get(lead, i) != i:
        lead = i  # a word left out before it is another's: "young black man, 25 years old"
    first = a.units[lead]
    natural = spoken(piece, tuple(kept for _, _, kept in a.parts[i]), a.table.rows)
    after = a.units[i + 1] if i + 1 < len(a.units) else None
    titled = after is not None and after.text[0].isupper() and not _capital(after)
    proper = first.row is not None and first.row.proper
    known = natural if lead == i else first.text if proper else first.low
    caps = caps_of(first, known, start, titled)
    if lead < i and caps == "upper" and not a.units[i].text.isupper():
        caps = "natural"
    return caps


def _capital(unit: Unit) -> bool:
    """Whether some member would have a capital here of its own."""
    return unit.row is not None and any(form[0].isupper() for form in unit.row.forms.values())


def _possessive(units: list[Unit], i: int) -> bool:
    """Whether the noun at i is followed by 's, or by an apostrophe that ends its plural."""
    row = units[i].row
    if row is None or row.kind not in ("noun", "fam", "name"):
        return False
    if i + 1 >= len(units) or units[i + 1].gap:
        return False
    if units[i + 1].low == "'s":
        return True
    ended = i + 2 >= len(units) or units[i + 2].gap
    return units[i + 1].low == "'" and row.plural and units[i].low.endswith("s") and ended


def _mentions(a: Analyser, i: int, last: int, lead: int, piece: Piece) -> list[Span]:
    """The spans of the words from i to the noun of a phrase, each with its slots."""
    if last == i:
        slots = tuple([slot for _, slot, _ in piece.parts if slot >= 0])
        return [(a.units[lead].start, a.units[i].end, slots)]
    found = []
    for k in range(i, last + 1):
        parts = a.parts[last][-1:] if k in a.swallowed else a.parts.get(k, ())
        indices = tuple([draft.index for _, draft, _ in parts if draft is not None])
        if indices:
            found.append((a.units[k].start, a.units[k].end, indices))
    return found


def assemble(a: Analyser) -> Analysis:
    """The template, the user's own values and the spans of the mentions."""
    from obclip.privacy.analyse import Analysis

    units = a.units
    order = sorted((d for d in a.drafts if any(d is p[1] for ps in a.parts.values() for p in ps)),
                   key=lambda d: (d.place, list(a.protected).index(d.attribute)))  # fmt: skip
    places = sorted({d.place for d in order})
    number = {place: n for n, place in enumerate(places)}
    for index, draft in enumerate(order):
        draft.index = index
    slots = tuple(Slot(number[d.place], d.attribute, d.values) for d in order)
    segments: list[Segment] = []
    spans: list[Span] = []
    literal: list[str] = []
    start = True
    skip_to = -1
    merged: set[int] = set()  # articles and possessives that change with their piece
    together = phrases(a)
    for i, unit in enumerate(units):
        if i < skip_to:
            continue
        last = together.get(i, i)  # the noun, where a phrase begins
        if i in a.swallowed and last == i:
            continue
        piece = a.pieces.get(last)
        lead = i
        while lead - 1 in a.swallowed:
            lead -= 1
        gap = " " if units[lead].gap and (segments or literal) else ""
        if piece is None:
            literal.append(gap + unit.text)
        else:
            if last > i:
                piece = whole(a, i, last, start)
                caps = piece.caps
                shouted = piece.inner[-1].caps == "upper"
            else:
                piece = written(a, i)
                caps = _caps_here(a, i, lead, piece, start)
                shouted = caps == "upper"
            mentions = _mentions(a, i, last, lead, piece)
            article = ""
            opened = ""  # brackets and quotes between the article and the piece
            if not gap:
                n = len(literal)
                while n and literal[n - 1].strip() in _OPENING:
                    n -= 1
                at = lead - (len(literal) - n)
                if 0 < n < len(literal) and literal[n][0] == " " and _article(units, at - 1):
                    opened = "".join(literal[n:]).strip()
                    del literal[n:]
                    lead, gap = at, " "
            if (
                literal
                and gap
                and literal[-1].strip().lower() in ("a", "an")
                and lead > 0
                and units[lead - 1].low in ("a", "an")
            ):
                word = literal.pop()
                merged.add(lead - 1)
                gap = " " if word[0] == " " else ""
                word = word.strip()
                article = "a" if word.islower() else ("AN" if shouted else "A")
            possessive = _possessive(units, last)
            skip_to = last + 1 + possessive
            if possessive:
                merged.add(last + 1)
            if gap:
                literal.append(gap)
            if literal:
                segments.append("".join(literal))
                literal = []
            segments.append(
                piece._replace(caps=caps, article=article, opened=opened, possessive=possessive)
            )
            spans += mentions
        if unit.low in (".", "!", "?", ":"):
            start = True
        elif unit.text[0].isalnum():
            start = False
    if literal:
        segments.append("".join(literal))
    hidden = merged.union(a.pieces, a.swallowed)
    clear = tuple(
        (u.start, u.end) for i, u in enumerate(units) if i not in hidden and u.text[0].isalpha()
    )
    return Analysis(
        Template(tuple(segments), slots), tuple(d.own for d in order), tuple(spans), clear
    )


__all__ = ["Piece", "assemble"]

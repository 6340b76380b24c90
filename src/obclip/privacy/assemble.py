"""Pieces and literals into a template, in the one normal spelling.

Protects: capitals, articles and possessives are read from positions and kept as styles, so they
never tell a value. Does not protect: unusual spellings, which are brought to the normal form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy.lexicon import Row
from obclip.privacy.scan import Unit
from obclip.privacy.template import Piece, Segment, Slot, Template, spoken

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser, Analysis


def _caps(unit: Unit, natural: str, start: bool, titled: bool) -> str:
    """The capital style a form is written in: natural, first, title or upper."""
    text = unit.text
    if unit.row is not None and unit.row.mixed:
        shouted = len(text) > 1 and text.isupper()
        return "upper" if shouted else "first" if start else "natural"
    if text == natural or text.islower() or not text[:1].isalpha():
        letters = [c for c in text if c.isalpha()]
        if text == natural or not letters or not all(c.isupper() for c in letters):
            return "natural"
    if text.isupper() and len(text) > 1:
        return "upper"
    if text[0].isupper() and not natural[:1].isupper():
        return "first" if start and not titled else "title"
    return "natural"


_OPENING = ("(", "[", '"', "'", "*")


def _article(units: list[Unit], i: int) -> bool:
    return i >= 0 and units[i].low in ("a", "an")


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
    spans: list[tuple[int, int, tuple[int, ...]]] = []
    literal: list[str] = []
    start = True
    skip_to = -1
    merged: set[int] = set()  # articles and possessives that change with their piece
    for i, unit in enumerate(units):
        if i < skip_to:
            continue
        if i in a.swallowed:
            continue
        piece = a.pieces.get(i)
        lead = i
        while lead - 1 in a.swallowed:
            lead -= 1
        gap = " " if units[lead].gap and (segments or literal) else ""
        if piece is None:
            literal.append(gap + unit.text)
        else:
            first = units[lead]
            parts = tuple(
                (name, d.index if d else -1, "" if d else kept) for name, d, kept in a.parts[i]
            )
            natural = spoken(
                piece._replace(parts=parts), tuple(kept for _, _, kept in a.parts[i]), a.table.rows
            )
            after = units[i + 1] if i + 1 < len(units) else None
            titled = after is not None and after.row is None and after.text[0].isupper()
            proper = first.row is not None and first.row.proper
            known = natural if lead == i else first.text if proper else first.low
            caps = _caps(first, known, start, titled)
            if lead < i and caps == "upper" and not unit.text.isupper():
                caps = "natural"
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
                article = "a" if word.islower() else ("AN" if caps == "upper" else "A")
            possessive = False
            row: Row | None = unit.row
            if (
                row is not None
                and row.kind in ("noun", "fam", "name")
                and i + 1 < len(units)
                and not units[i + 1].gap
            ):
                after = units[i + 1]
                plain = (
                    after.low == "'"
                    and row.plural
                    and unit.low.endswith("s")
                    and (i + 2 >= len(units) or units[i + 2].gap)
                )
                if after.low == "'s" or plain:
                    possessive = True
                    merged.add(i + 1)
                    skip_to = i + 2
            if gap:
                literal.append(gap)
            if literal:
                segments.append("".join(literal))
                literal = []
            segments.append(
                piece._replace(
                    parts=parts, caps=caps, article=article, opened=opened, possessive=possessive
                )
            )
            spans.append((first.start, unit.end, tuple(p[1] for p in parts if p[1] >= 0)))
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

"""A noun that changes with age and the masked adjectives right before it, as one piece.

Protects: "a Chinese girl" and "an elderly Chinese woman" are one orbit, the age word before the
other adjectives as in English; where it stands is read from rows, never from a value. Does not
protect: adjectives in clear, which keep their places ("a beautiful young Chinese woman").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import ages
from obclip.privacy.normalise import refuse
from obclip.privacy.template import Piece, spoken

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser

_APART = frozenset(["gender", "age", "body"])  # what stands before an age word, or says age itself


def run_start(a: Analyser, noun: int, word: int) -> int:
    """Where the masked adjectives before a noun begin, its own age word at ``word`` among them."""
    j = noun
    while j > 0 and a.units[j].gap and (j - 1 == word or _describes(a, j - 1)):
        j -= 1
    return j


def drop_word(a: Analyser, noun: int, words: list[int], said: int, age: str) -> int:
    """The age word right before a noun that ``said`` makes redundant, now left out; or -1.

    "a young woman, 25 years old" is read as "a woman, 25 years old": a girl of that orbit has no
    age word either.

    Raises:
        PromptRefused: the two say two ages.
    """
    for i in words:
        row = a.units[i].row
        if row is None or row.kind != "age" or not run_start(a, noun, i) <= i < noun:
            continue
        style = ages.decode(a.units[i].values[0], "near", a.units[noun].values[-1])
        if style is None:
            continue
        if style[1] != age:
            raise refuse(
                "contradiction",
                f"{a.units[said].text!r} and {a.units[i].text!r} say two ages",
                a.units[said].text,
            )
        a.swallowed[i] = noun
        return i
    return -1


def _describes(a: Analyser, i: int) -> bool:
    row = a.units[i].row
    return (
        row is not None
        and i not in a.swallowed
        and row.kind in ("adj", "any")
        and row.attributes[0] not in _APART
    )


def phrases(a: Analyser) -> dict[int, int]:
    """First unit -> noun, of every noun with its age word and other masked adjectives."""
    word_of = {noun: word for word, noun in a.swallowed.items()}
    found = {}
    for noun, piece in a.pieces.items():
        if piece.kind == "noun" and piece.detail[0] == "near":
            word = word_of.get(noun, -1)
            start = run_start(a, noun, word)
            if any(k != word for k in range(start, noun)):
                found[start] = noun
    return found


def written(a: Analyser, i: int) -> Piece:
    """A unit's piece, its parts pointing at their slots."""
    parts = tuple((name, d.index if d else -1, "" if d else kept) for name, d, kept in a.parts[i])
    return a.pieces[i]._replace(parts=parts)


def whole(a: Analyser, start: int, noun: int, opens: bool) -> Piece:
    """The piece of a phrase; ``opens``: it stands where a sentence begins."""
    from obclip.privacy.assemble import caps_of

    said = written(a, noun)
    row = a.row(noun)
    kept = tuple(value for _, _, value in a.parts[noun])
    bare = said._replace(detail=("far", said.detail[1]))
    style = caps_of(a.units[noun], spoken(bare, kept, a.table.rows), False, False)
    inner = [Piece("age", said.detail[1], said.parts[-1:], ("near",), caps=style)]
    adjectives = [k for k in range(start, noun) if k not in a.swallowed]
    for k in adjectives:
        if k not in a.pieces:
            inner.append(Piece("literal", a.units[k].text, ()))
            continue
        piece = written(a, k)
        natural = spoken(piece, tuple(value for _, _, value in a.parts[k]), a.table.rows)
        caps = caps_of(a.units[k], natural, False, style == "title")
        if opens and k == adjectives[0] and style == "natural" and caps == "title":
            caps = "natural"  # the capital is the sentence's
        inner.append(piece._replace(caps=caps))
    inner.append(bare._replace(caps=style))
    capital = any(form[0].isupper() for form in a.row(adjectives[0]).forms.values())
    first = opens and (capital or a.units[start].text[0].isupper())
    return Piece(
        "phrase",
        row.name,
        tuple(part for piece in inner for part in piece.parts),
        plural=row.plural,
        caps="first" if first else "natural",
        inner=tuple(inner),
    )

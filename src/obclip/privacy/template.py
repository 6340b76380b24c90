"""A prompt with holes, and how the holes are filled.

Protects: a template holds no value of any protected attribute, so equal templates mean equal sets.
Rendering is a function of (template, values) alone, articles and capitals included. Does not
protect: the literal words between the holes.
"""

from __future__ import annotations

from typing import NamedTuple

from obclip.privacy.ages import AGES, DECADES, STYLES, figure_text, noun_is_child
from obclip.privacy.lexicon import ADULT, CHILD, Row
from obclip.privacy.pronouns import FORMS, GENDERS


class Slot(NamedTuple):
    """One attribute of one mention; ``values`` are what the set runs over."""

    mention: int
    attribute: str
    values: tuple[str, ...]


class Piece(NamedTuple):
    """A hole. ``parts`` says for each attribute the index of its slot, or the value it keeps."""

    kind: str  # row compound noun bare age figure decade pronoun zero emoji phrase literal
    name: str  # row, style, case ...
    parts: tuple[tuple[str, int, str], ...]  # (attribute, slot or -1, kept value)
    detail: tuple[str, ...] = ()
    plural: bool = False
    caps: str = "natural"  # natural | first | title | upper
    article: str = ""  # "" | "a" | "A" | "AN"
    opened: str = ""  # brackets and quotes between the article and the word
    possessive: bool = False
    inner: tuple[Piece, ...] = ()  # of a phrase: age word, adjectives, noun


Segment = str | Piece


class Template(NamedTuple):
    """Literals and pieces in order, and the slots the pieces refer to."""

    segments: tuple[Segment, ...]
    slots: tuple[Slot, ...]


UNSPECIFIED = "unspecified"
ALWAYS = ("age", "skin_tone", "ethnicity", "gender")  # in the order they stand before a noun
_GENDERED = {"woman": "female", "man": "male", "non-binary": "nonbinary"}
_VOWEL_SOUND = ("hour", "honest", "heir", "honor", "honour")
_CONSONANT_SOUND = (
    "uni",
    "eu",
    "one",
    "once",
    "usa",
    "use",
    "usu",
    "uk",
    "ur-",
    "uy",
    "uga",
    "ura",
    "ut",
)


def article_for(text: str) -> str:
    """The article, "a" or "an", before a text."""
    low = text.lstrip("\"'(").lower()
    if low.startswith(_VOWEL_SOUND):
        return "an"
    if low[:1].isdigit():
        return (
            "an" if low[0] == "8" or (low[:2] in ("11", "18") and not low[2:3].isdigit()) else "a"
        )
    if (
        low.startswith(_CONSONANT_SOUND)
        and not low.startswith("unin")
        and not low.startswith("unim")
    ):
        return "a"
    if text[:2].isupper() and text[:1] in "FHLMNRSX" and text[:4].isupper():
        return "an"
    return "an" if low[:1] in "aeiou" else "a"


def spoken(piece: Piece, values: tuple[str, ...], rows: dict[str, Row]) -> str:
    """A piece's words for one value of each of its attributes, in natural capitals."""
    kind = piece.kind
    if kind == "row":
        return rows[piece.name].forms[values]
    if kind == "compound":
        return piece.detail[values[0] != "woman"]
    if kind == "noun":  # a noun with a child's form, and maybe the age word right before it
        row = rows[piece.name]
        age = values[-1]
        place, style = piece.detail
        if age == UNSPECIFIED:
            return row.forms[(*values[:-1], ADULT)]
        child = noun_is_child(style, age) if place == "figure" else age == CHILD
        noun = row.forms[(*values[:-1], CHILD if child else ADULT)]
        word = STYLES[style].word(age, "near") if place == "near" else ""
        return f"{word} {noun}" if word else noun
    if kind == "agree":
        if values[1] == "latino":
            return "Latina" if values[0] == "woman" else "Latino"
        return rows[piece.name].forms[values[1:]]
    if kind == "bare":
        return rows[piece.name].forms[(*values, piece.detail[0])]
    if kind == "age":
        return (
            "" if values[0] == UNSPECIFIED else STYLES[piece.name].word(values[0], piece.detail[0])
        )
    if kind == "phrase":
        return _phrase(piece, values, rows)
    if kind == "literal":
        return piece.name
    if kind == "figure":
        before, after, series = piece.detail
        return figure_text(before, after, series, values[0])
    if kind == "decade":
        return DECADES[piece.name][AGES.index(values[0])]
    if kind == "pronoun":
        return FORMS[piece.name][GENDERS.index(values[0])]
    if kind == "zero":
        names = [name for name, _, _ in piece.parts]
        said = [_before(*pair, rows) for pair in zip(names, values, strict=True)]
        return " ".join([word for word in said if word] + [piece.name])
    from obclip.privacy.emoji import emoji_text

    return emoji_text(piece.name, piece.detail, values)


def _phrase(piece: Piece, values: tuple[str, ...], rows: dict[str, Row]) -> str:
    """The words of a phrase, each in its own capitals; a child's age is in the noun alone."""
    said, at = [], 0
    for part in piece.inner:
        end = at + len(part.parts)
        said.append(surface(part, values[at:end], rows))
        at = end
    return " ".join([word for word in said if word])


def _before(name: str, value: str, rows: dict[str, Row]) -> str:
    """The word that says an attribute that is always on, before any person noun."""
    if value == UNSPECIFIED:
        return ""
    if name == "gender":
        return _GENDERED[value]
    if name == "age":
        return STYLES["elderly"].word(value, "neutral")
    return rows["asian.sg" if name == "ethnicity" else "skinned.sg"].forms[(value,)]


def surface(piece: Piece, values: tuple[str, ...], rows: dict[str, Row]) -> str:
    """A piece as it stands in a prompt: capitals, possessive, article."""
    text = spoken(piece, values, rows)
    article = article_for(text) if piece.article else ""
    if piece.caps == "first":
        text = text[:1].upper() + text[1:]
    elif piece.caps == "title":
        text = _title(text)
    elif piece.caps == "upper":
        text = text.upper()
    if piece.possessive:
        text += (
            "'" if piece.plural and text[-1] in "sS" else ("'S" if piece.caps == "upper" else "'s")
        )
    if piece.article:
        if piece.article == "A":
            article = article.capitalize()
        elif piece.article == "AN":
            article = article.upper()
        text = f"{article} {piece.opened}{text}"
    return text


def _title(text: str) -> str:
    out, start = [], True
    for char in text:
        out.append(char.upper() if start else char)
        start = char in " -"
    return "".join(out)

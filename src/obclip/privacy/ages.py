"""How an age is said, and how the same thing is said for every other age.

Protects: the age words of one person change together and reversibly: "a girl", "a young woman" and
"an elderly woman" are one orbit, "a little girl" and "an old woman" another, so that the user's own
words survive. Does not protect: the register itself (that someone wrote "old" and not "elderly").

The words that may stand for one age depend on where they stand:
near (right before a noun with a child's form), far (before such a noun, words between), neutral
(before any other person noun), solo (no noun after it).
"""

from __future__ import annotations

from typing import NamedTuple

from obclip.privacy.lexicon import CHILD

AGES = ("child", "young", "middle-aged", "elderly")


class Style(NamedTuple):
    """One row of age adjectives; the child's word depends on the place."""

    near: str
    far: str
    neutral: str
    solo: str
    grown: tuple[str, str, str]

    def word(self, age: str, place: str) -> str:
        """The adjective for an age at a place ("" where the noun alone says it)."""
        if age != CHILD:
            return self.grown[AGES.index(age) - 1]
        return {"near": self.near, "far": self.far, "neutral": self.neutral, "solo": self.solo}[
            place
        ]


STYLES = {
    "elderly": Style("", "little", "child", "childlike", ("young", "middle-aged", "elderly")),
    "old": Style("little", "small", "kid", "childish", ("youthful", "mature", "old")),
    "older": Style("young", "young", "little", "juvenile", ("younger", "older", "aged")),
}
DECADES = {
    "figures": ("10s", "20s", "40s", "70s"),
    "words": ("childhood", "twenties", "forties", "seventies"),
    "teens": ("teens", "prime", "midlife", "dotage"),
    # beside a child's noun, as in "a girl in her 20s"
    "girl figures": ("preteens", "20s", "maturity", "seniority"),
    "girl words": ("minority", "twenties", "adulthood", "retirement"),
}
# Figures: the ages that stand for the four buckets. The second series is for "a 20-year-old girl".
FIGURES = {"woman": (8, 25, 45, 70), "girl": (11, 20, 41, 61), "teen": (16, 25, 45, 70)}
_DECADE_WORDS = {"twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60,
                 "seventies": 70, "eighties": 80, "nineties": 90}  # fmt: skip


def _decoded() -> dict[tuple[str, str], tuple[str, str]]:
    table: dict[tuple[str, str], tuple[str, str]] = {}
    for name, style in STYLES.items():
        for age in AGES:
            for place in ("near", "far", "neutral", "solo"):
                at = (
                    place
                    if place in ("neutral", "solo")
                    else f"{place} {CHILD if age == CHILD else 'adult'}"
                )
                key = (style.word(age, place), at)
                if key in table:
                    raise ValueError(f"age word in two cells: {key}")
                table[key] = (name, age)
    return table


DECODED = _decoded()


def decode(word: str, place: str, noun: str = "") -> tuple[str, str] | None:
    """(style, age) of an age word at a place, before a child's or adult's noun, or None."""
    return DECODED.get((word, f"{place} {noun}" if noun else place))


def bucket(years: int) -> str:
    """The age value of a number of years."""
    return AGES[(years >= 18) + (years >= 40) + (years >= 60)]


def figure(years: int, noun: str) -> tuple[str, str] | None:
    """(series, age) of a number before a child's, an adult's or another noun; None: two ages."""
    age = bucket(years)
    if noun == CHILD:
        if age == "young" or years == FIGURES["girl"][0]:
            return "girl", age
        return ("woman", age) if age == CHILD else None
    if noun:
        if age == CHILD:
            return None
        return ("girl" if years in FIGURES["girl"][2:] else "woman"), age
    return "woman", age


def figure_text(before: str, after: str, series: str, age: str) -> str:
    """The representative number of an age, in the user's own form."""
    return f"{before}{FIGURES[series][AGES.index(age)]}{after}"


def noun_is_child(series: str, age: str) -> bool:
    """Whether the noun beside a figure has its child's form."""
    return age == CHILD or (series == "girl" and age == "young")


def decade(word: str, noun: str = "") -> tuple[str, str] | None:
    """(form, age) of "30s", "thirties", "teens", "childhood", beside a child's or adult's noun.

    None where the word is no decade, or says another age than the noun.
    """
    found = _decade(word)
    if found is None or not noun:
        return found if found is None or not found[0].startswith("girl") else None
    form, age = found
    if noun == CHILD and age == "young" and form in ("figures", "words"):
        return f"girl {form}", age
    return found if (noun == CHILD) == decade_is_child(form, age) else None


def _decade(word: str) -> tuple[str, str] | None:
    for form, words in DECADES.items():
        if word in words:
            return form, AGES[words.index(word)]
    if word in _DECADE_WORDS:
        return "words", bucket(_DECADE_WORDS[word])
    if len(word) == 3 and word.endswith("0s") and word[0] in "23456789":
        return "figures", bucket(int(word[:2]))
    return None


def decade_is_child(form: str, age: str) -> bool:
    """Whether the noun beside a decade has its child's form."""
    return noun_is_child("girl" if form.startswith("girl") else "woman", age)


def any_decade(word: str) -> bool:
    """Whether a word names a decade of a life at all."""
    return _decade(word) is not None

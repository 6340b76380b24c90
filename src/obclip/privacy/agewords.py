"""Age words and the nouns that change with them become pieces.

Protects: "a girl", "a young woman" and "an elderly woman" are taken apart in the same way. Which
nouns and age words belong together is read from positions. Does not protect: vague words ("ripe").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.privacy import ages
from obclip.privacy.alone import alone
from obclip.privacy.always import aged
from obclip.privacy.decades import claim_decades
from obclip.privacy.draft import Part
from obclip.privacy.figures import ADULTS, figure_age, figure_head, grown, said_by
from obclip.privacy.lexicon import CHILD
from obclip.privacy.normalise import refuse
from obclip.privacy.persons import gender_part
from obclip.privacy.phrases import drop_word, run_start

if TYPE_CHECKING:
    from obclip.privacy.analyse import Analyser


def claim_age_words(a: Analyser) -> None:
    """Adjectives of age and ages in figures, with the noun they belong to."""
    by_noun: dict[int, list[int]] = {}
    for i, unit in enumerate(a.units):
        if i in a.swallowed:
            continue
        if unit.figure is not None:
            head = figure_head(a, i)
            if head == -2:
                unit.unmask()
                continue
        elif unit.row is not None and unit.row.kind == "age":
            head = a.judge.head(i)
            if head < 0:
                _solo_age(a, i)
                continue
        elif (head := a.judge.adjunct(i)) >= 0:
            pass
        else:
            continue
        if head >= 0 and unit.key == "age*" and a.units[head].low in ("portrait", "portraits"):
            unit.unmask()  # an old portrait
            continue
        row = a.units[head].row if head >= 0 else None
        if row is not None and row.kind == "fam" and a.judge.adjunct(head) < 0:
            by_noun.setdefault(head, []).append(i)
        else:
            _neutral_age(a, i, head)
    claim_decades(a, by_noun)
    for noun, words in by_noun.items():
        _link(a, noun, words)


def _solo_age(a: Analyser, i: int) -> None:
    unit = a.units[i]
    found = ages.decode(unit.values[0], "solo")
    if (
        found is not None
        and not alone(a.judge, i)
        and not (found[0] == "elderly" and _some_noun(a, i + 1))
    ):
        found = None
    if found is None:
        unit.unmask()
        return
    style, age = found
    a.put(i, "age", style, [a.claim("age", age, i, ages.AGES)], ("solo",))


def _some_noun(a: Analyser, i: int) -> bool:
    """Whether a clear word follows that is no known object: "a young ork" may be a person."""
    return not a.judge.ends(i) and a.units[i].row is None and a.units[i].low not in a.judge.things


def _neutral_age(a: Analyser, i: int, head: int) -> None:
    unit = a.units[i]
    space: tuple[str, ...] = ages.AGES
    if head >= 0 and grown(a, head):
        space = ages.AGES[1:]  # no child couple, no child mother
    if unit.figure is not None:
        before, after, _ = unit.figure
        said = a.units[head].row if head >= 0 else None
        if (
            said is not None
            and said.attributes == ("age",)
            and said.kind == "noun"
            and said.name not in ADULTS  # "an adult aged 30"
        ):
            part, series = said_by(a, head, i)
        else:
            part, series = figure_age(a, i, head, space), "woman"
        a.put(i, "figure", "", [part], (before, after, series))
        return
    word = unit.low if unit.row is not None and unit.row.kind == "fam" else unit.values[0]
    j = i + 1
    while j < len(a.units) and a.judge.modifier(j) and not a.judge.is_person(j):
        j += 1
    direct = j < len(a.units) and a.judge.is_person(j)
    place = "neutral" if direct else "solo"  # "a child king"; "a childlike, bald king"
    found = ages.decode(word, place)
    if found is None:
        unit.unmask()
        return
    a.put(i, "age", found[0], [a.claim("age", found[1], i, space)], (place,))


def _link(a: Analyser, noun: int, words: list[int]) -> None:
    """One noun and its age words: the nearest is linked, the others stand for themselves."""
    words = _said_twice(a, noun, words)
    nearest = min(words, key=lambda i: abs(noun - i))
    _nearest(a, noun, nearest)
    for i in words:
        if i != nearest:
            if a.units[i].figure is None and a.units[i].values[0] in (
                "little",
                "small",
                "younger",
                "older",
            ):
                a.units[i].unmask()
            else:
                _neutral_age(a, i, noun)


def _said_twice(a: Analyser, noun: int, words: list[int]) -> list[int]:
    """Without the age word of "a young woman, 25 years old": the figure says it, once.

    Raises:
        PromptRefused: the two say two ages.
    """
    figures = [i for i in words if a.units[i].figure is not None]
    if not figures:
        return words
    first = min(figures, key=lambda k: abs(noun - k))
    found = ages.figure(a.units[first].figure[2], a.units[noun].values[-1])  # type: ignore[index]
    word = drop_word(a, noun, words, first, found[1] if found else "")
    return [k for k in words if k != word]


def _nearest(a: Analyser, noun: int, nearest: int) -> None:
    """The age word next to its noun, rendered with it."""
    unit = a.units[noun]
    form = unit.values[-1]
    other = a.units[nearest]
    said = a.units[noun - 1].row if noun else None
    aged_noun = (
        said is not None
        and said.attributes == ("age",)
        and said.kind in ("noun", "any")
        and said.name not in ADULTS
    )
    if other.figure is not None and aged_noun:  # teenage girl (18-year-old)
        before, after, _ = other.figure
        part, series = said_by(a, noun - 1, nearest)
        a.put(nearest, "figure", "", [part], (before, after, series))
        return
    if other.figure is not None:
        before, after, years = other.figure
        found = ages.figure(years, form)
        if found is None:
            raise refuse(
                "contradiction", f"{other.text!r} and {unit.text!r} say two ages", other.text
            )
        part = a.claim("age", found[1], nearest, ages.AGES)
        if part[1] is not None:
            a.figured.setdefault(a.canon(noun), part[1])
        a.put(nearest, "figure", "", [part], (before, after, found[0]))
        claim_aged_noun(a, noun, part, ("figure", found[0]))
        return
    word = other.values[0] if other.row is not None and other.row.kind == "age" else other.low
    near = run_start(a, noun, nearest) <= nearest < noun
    decoded = ages.decode(word, "near" if near else "far", form)
    if decoded is None:
        if word in ("little", "small", "younger", "older", "childish", "childlike"):
            other.unmask()
            return
        raise refuse("contradiction", f"{other.text!r} and {unit.text!r} say two ages", other.text)
    style, age = decoded
    own = aged(a, age, noun) if near and style == "elderly" else None
    part = own or a.claim(
        "age", age, noun if near else nearest, ages.AGES, a.age_of.get(a.canon(noun))
    )
    if near:
        a.swallowed[nearest] = noun
        claim_aged_noun(a, noun, part, ("near", style))
    else:
        a.put(nearest, "age", style, [part], ("far",))
        claim_aged_noun(a, noun, part, ("far", style))


def claim_age_nouns(a: Analyser) -> None:
    """As in "baby girl", "teenage boy": an age noun right before a noun that changes with age."""
    for i, unit in enumerate(a.units[:-1]):
        row, after = unit.row, a.units[i + 1].row
        if row is None or after is None or after.kind != "fam" or i + 1 in a.parts:
            continue
        if row.attributes != ("age",) or row.kind not in ("noun", "any"):
            continue
        if (unit.values[0] == CHILD) != (a.units[i + 1].values[-1] == CHILD):
            raise refuse(
                "contradiction",
                f"{unit.text!r} and {a.units[i + 1].text!r} say two ages",
                unit.text,
            )
        if i in a.parts:
            part = a.parts[i][0]
        else:
            part = a.claim("age", unit.values[0], i, a.space(row, 0))
            a.put(i, "row", row.name, [part], (), row.plural)
        claim_aged_noun(a, i + 1, part, ("far", "elderly"))


def claim_aged_noun(a: Analyser, i: int, age: Part, detail: tuple[str, str]) -> None:
    """A noun with a child's form, whose age part is known."""
    row = a.row(i)
    parts = gender_part(a, i, row)
    if age[1] is not None:
        a.age_of.setdefault(a.canon(i), age[1])
    a.put(i, "noun", row.name, [*parts, age], detail, row.plural)

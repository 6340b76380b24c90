"""One public text as a guesser sees it: the values it names, its clear words, its written forms."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from obclip.privacy.analyse import analyse
from obclip.privacy.leakage import words_in
from obclip.privacy.lexicon import lexicon
from obclip.privacy.normalise import normalise
from obclip.privacy.settings import PrivacySettings
from obclip.privacy.spelled import figures_in_digits
from obclip.privacy.taxonomy import attributes

EVERYTHING = PrivacySettings(protect=tuple(attributes()))

#: Forms that hardly ever speak of a person in these captions (read one by one): frying pans, fire
#: hydrants between poles, straight roads, mobiles over cots, dogs on armchairs, skiers.
NOT_PEOPLE = frozenset(
    {"pan", "poles", "straight", "mobile", "lama", "on an armchair", "in an armchair", "on foot"}
    | {"with ski poles", "with a handbag", "with a rucksack"}
)


class Observation(NamedTuple):
    """``held`` texts choose the parameters and are kept out of the counts while they do."""

    values: dict[str, frozenset[str]]
    clear: frozenset[str]
    forms: Counter[str]
    words: Counter[str]
    held: bool


def observe(text: str, held: bool) -> Observation:
    """Reads one text, all attributes protected. Raises PromptRefused as the transform would."""
    clean = figures_in_digits(normalise(text))
    found = analyse(clean, EVERYTHING)
    named = {
        slot
        for piece in found.template.segments
        if not isinstance(piece, str) and not piece.name.startswith("name:")
        for _, slot, _ in piece.parts
    }
    for start, end, slots in found.spans:
        if " ".join(words_in(clean[start:end])) in NOT_PEOPLE:
            named.difference_update(slots)
    values: dict[str, set[str]] = {}
    for i, (slot, own) in enumerate(zip(found.template.slots, found.own, strict=True)):
        if i in named:  # not a first name: in prompts it is mostly a painter's
            values.setdefault(slot.attribute, set()).add(own)
    forms = Counter(" ".join(words_in(clean[start:end])) for start, end, _ in found.spans)
    clear = frozenset(w for start, end in found.clear for w in words_in(clean[start:end]))
    return Observation(
        {name: frozenset(named) for name, named in values.items()},
        clear,
        forms,
        Counter(words_in(clean)),
        held,
    )


def table_forms() -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """The value spaces to count (none that only a profile adds), and every form of the table."""
    spaces = {
        name: tuple(value for value in row.values if value not in row.optional)
        for name, row in attributes().items()
    }
    forms = {
        " ".join(words_in(form))
        for row in lexicon(True).rows.values()
        for form in row.forms.values()
    }
    return spaces, forms

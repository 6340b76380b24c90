"""Words of the table that speak of no person, or of no value, where they stand.

Protects: "a splash of color", "a question mark" and "the youngest child" are read by what stands
beside the masked word, so that "of color" is a mention only right behind a person and a name that
is a word too (mark, heather) only where a name can stand. Does not protect: what stays here in
clear.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge
from obclip.privacy.lexicon import CHILD

ORIGIN = "from_"  # rows of "from India", in the table
WORD = "~word"  # key of a first name that is an ordinary word where it stands
_BEHIND_PERSONS = frozenset(["colour.sg", "hue.sg"])  # "of color", "of deep color"
# Aids as nouns ("a prosthetic leg", "wheelchair"), things where a text names nobody.
_AIDS = frozenset(
    f"{name}.{number}"
    for number in ("sg", "pl")
    for name in (
        "wheelchair_n", "wheelchairs_n", "guide_dog_n", "guide_dogs_n", "white_cane_n",
        "prosthetic_leg_n", "prosthetic_arm_n", "prosthetic_hand_n", "prosthetic_legs_n",
        "prosthetic_arms_n", "wooden_leg_n", "peg_leg_n", "crutches_n",
        "wheelchair_basketball", "wheelchair_tennis", "wheelchair_rugby", "wheelchair_racing",
        "wheelchair_fencing", "wheelchair_curling",
    )
)  # fmt: skip
_PICTURED = frozenset(["portrait", "portraits", "bust", "face", "figure", "character"])
_ORIGIN = frozenset(
    ["is", "are", "was", "were", "'s", "comes", "come", "coming", "originally", ",", "and"]
)
_CHICKS = frozenset(["chick.sg", "chick.pl"])
_BIRDS = frozenset(["hen", "hens", "chicken", "chickens", "rooster", "duck", "nest", "egg", "eggs"])
_SUPERLATIVES = frozenset(["oldest.sg", "eldest.sg"])
# First names that are words too: in small letters, names only where a name can stand.
_WORDS_TOO = frozenset(
    [
        "amber", "angel", "april", "art", "ash", "aurora", "autumn", "basil", "bill",
        "carol", "chance", "chase", "cherry", "clay", "cliff", "coral", "crystal", "daisy",
        "dawn", "dean", "drew", "ebony", "eve", "faith", "fern", "flora", "forest", "frank",
        "gene", "ginger", "glen", "grace", "grant", "hazel", "heather", "holly", "honey",
        "hope", "hunter", "iris", "ivy", "jack", "jade", "jasmine", "jay", "jewel", "joy",
        "june", "lane", "laurel", "lily", "mark", "mason", "max", "may", "melody", "mercy",
        "miles", "misty", "nick", "olive", "opal", "pat", "pearl", "penny", "pepper",
        "rain", "ray", "reed", "river", "rob", "robin", "rocky", "rose", "rosemary", "ruby",
        "rusty", "sage", "sandy", "scarlet", "sky", "star", "stone", "stormy", "sue",
        "summer", "sunny", "tiffany", "velvet", "violet", "will", "willow", "winter",
    ]
)  # fmt: skip
_ARTICLES = frozenset(["a", "an", "the", "this", "that", "some", "no", "each", "every"])
_PICTURES = frozenset(
    [
        "art", "book", "drawing", "film", "movie", "painting", "photo", "photos",
        "photograph", "photographs", "picture", "poster", "sculpture", "statue", "sketch",
    ]
)  # fmt: skip


def leave_things(judge: Judge) -> None:
    """Unmask units that the words beside them show to be no mention."""
    units = judge.units
    for i, unit in enumerate(units):
        row = unit.row
        if row is None:
            continue
        if row.name in _BEHIND_PERSONS:
            if not i or not judge.is_person(i - 1):
                unit.unmask()
        elif row.name.startswith(ORIGIN):
            if not _origin(judge, i):
                unit.unmask()  # "wine from France"
        elif row.name in _AIDS:
            if not _somebody(judge):
                unit.unmask()
        elif row.name == "miss_title.sg":
            if not _titled(judge, i):
                unit.unmask()  # "Miss you"
        elif row.name in _CHICKS:
            if any(other.low in _BIRDS for other in units):
                unit.unmask()
        elif row.name == "miss.sg" and unit.text == "MS":
            unit.unmask()  # multiple sclerosis
        elif row.name in _SUPERLATIVES:
            if _aged(judge, i + 1):
                unit.unmask()  # the noun says the age: "the youngest child"
        elif (
            row.kind == "name"
            and unit.low in _WORDS_TOO
            and unit.text.islower()
            and _word(judge, i)
        ):
            unit.unmask()
            unit.key = WORD


def _origin(judge: Judge, i: int) -> bool:
    """As in "a tourist from Japan", "she is from Brazil", "a woman, tall and from France"."""
    if not i:
        return False
    before = judge.units[i - 1]
    if judge.is_person(i - 1):
        return before.low not in _PICTURED
    said = before.low in _ORIGIN or before.low.isdecimal() or judge.adjectival(i - 1)
    return said and _somebody(judge, i)


def _somebody(judge: Judge, end: int | None = None) -> bool:
    """Whether a person or a pronoun stands before ``end``, or anywhere."""
    return any(
        judge.is_person(k) or (unit.row is not None and unit.row.kind == "pronoun")
        for k, unit in enumerate(judge.units[:end])
    )


def _titled(judge: Judge, i: int) -> bool:
    """As in "Miss Honey": a title stands before a name."""
    after = judge.units[i + 1] if i + 1 < len(judge.units) else None
    return after is not None and after.gap and after.text[0].isupper() and not judge.ends(i + 1)


def _aged(judge: Judge, i: int) -> bool:
    """Whether a noun that says its own age stands at i (child, young woman)."""
    units = judge.units
    if i < len(units) and units[i].key == "age*":
        i += 1
        said = True
    else:
        said = False
    row = units[i].row if i < len(units) else None
    return row is not None and row.kind == "fam" and (said or units[i].values[-1] == CHILD)


def _word(judge: Judge, i: int) -> bool:
    """As in "a question mark", "ebony wood", "fields of heather": no name stands there."""
    units = judge.units
    if i + 1 < len(units) and units[i + 1].row is None and units[i + 1].low in judge.things:
        return True
    if not i or units[i - 1].row is not None or not units[i].gap:
        return False
    before = units[i - 1].low
    if before in _ARTICLES:
        return True
    if before == "of":
        return i > 1 and units[i - 2].low in judge.things and units[i - 2].low not in _PICTURES
    return not judge.ends(i - 1) and before not in judge.classes["aux"]

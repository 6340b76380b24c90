"""Is this word about a person? Decided on masked units only.

Protects: "black dress" and "king penguin" stay as they are and "black man" does not; the verdict is
the same for every member because only keys, clear words and positions are read, never a value. Does
not protect: a person described without any person word.
"""

from __future__ import annotations

from obclip.privacy.lexicon import CHILD
from obclip.privacy.origins import AGED, COLOUR, origin
from obclip.privacy.scan import Unit
from obclip.privacy.vocabulary import vocabulary

PERSON_KINDS = frozenset({"noun", "fam", "name"})
GENDER_HEADS = frozenset({"female.sg", "females.sg"})
ELDER = "elder.sg"
_EYES = frozenset(["eye", "eyes"])
# Endings of the words for somebody who does something. The last two make things as well
# (choker, projector), so they count only where the word does what a person does.
_DOER = ("ist", "ician", "eer")
_NO_DOER = frozenset(["veneer", "reindeer", "career"])
_DOER_OR_THING = ("er", "or")
_TRADES = (
    "blower", "catcher", "dancer", "eater", "fighter", "hunter", "keeper", "lifter", "maker",
    "monger", "painter", "picker", "player", "rider", "seller", "singer", "tamer", "thrower",
    "trainer", "trooper", "walker", "worker", "wrestler",
)  # fmt: skip
DONE = frozenset(
    [
        "wearing", "wears", "holding", "holds", "walking", "walks", "running", "runs",
        "eating", "eats", "drinking", "drinks", "reading", "reads", "carrying", "carries",
        "smiling", "smiles", "looking", "laughing", "laughs", "dancing", "dances", "posing",
        "poses", "talking", "talks", "crying", "sleeping", "thinking", "singing", "sings",
        "kneeling", "praying", "waving", "dressed", "clad", "who", "whose", "aged",
    ]
)  # fmt: skip
_ADJECTIVE_ENDINGS = ("ed", "ful", "ous", "ish", "ive", "less", "like", "some")
_MARKS = frozenset(".,!?;:()[]/\"'|&+-")
_EMPHASIS = frozenset("()[]\"'")
STARS = frozenset(["star", "stars", "legend", "legends", "icon", "icons"])
_COLOURED = frozenset(["coffee", "figure", "horse"])
REACH = 12


class Judge:
    """Reads one prompt's masked units and answers questions about positions in them."""

    __slots__ = ("classes", "persons", "tags", "things", "units")

    def __init__(self, units: list[Unit], tags: bool = False) -> None:
        words = vocabulary()
        self.tags = tags  # a negative prompt: what stands between commas stands for itself
        self.units = units
        self.classes = words.classes
        self.persons = words.persons
        self.things = words.things

    def is_person(self, i: int) -> bool:
        """Whether unit i can be the noun that an adjective of a person modifies."""
        unit = self.units[i]
        if unit.row is not None:
            return (
                unit.row.kind in PERSON_KINDS
                or unit.key in GENDER_HEADS
                or (unit.key == ELDER and self._elder(i + 1))
                or (unit.row.kind == "adj" and origin(self, i))
            )
        return unit.low in self.persons or self._doer(i) or self._star(i)

    def _elder(self, i: int) -> bool:
        """As in "a Cherokee elder", "a Maori elder weaving": a noun, not "an elder sister"."""
        return self.ends(i) or (self.units[i].row is None and self.units[i].low.endswith("ing"))

    def _star(self, i: int) -> bool:
        """As in "pop star", "movie legend": a person only behind a word of their trade."""
        return (
            self.units[i].low in STARS and i > 0 and self.units[i - 1].low in self.classes["trade"]
        )

    def _doer(self, i: int) -> bool:
        """A noun of someone who does something (harpist, firebreather holding a torch).

        The reviewed list of person nouns decides. A word outside it that ends in -er or -or is a
        thing, unless it ends in a trade (sheepkeeper) or does what a person does.
        """
        low = self.units[i].low
        if len(low) < 6 or low in self.things or low in self.classes["not_doer"]:
            return False
        stem = low[:-1] if low.endswith("s") else low
        if stem in self.classes["not_doer"] or low in self.classes["adjective"]:
            return False
        if len(stem) < 6 or stem in _NO_DOER:
            return False
        if stem.endswith(_DOER) or stem in self.classes["agent"]:
            return True
        if stem.endswith(_DOER_OR_THING):
            after = self.units[i + 1].low if i + 1 < len(self.units) else ""
            return stem.endswith(_TRADES) or after in DONE
        return False

    def role(self, i: int) -> bool:
        """As in "a Korean blacksmither": an unknown word in -er or -or behind an adjective.

        It may be a thing; masked, the adjective of a thing costs pictures and leaks nothing.
        """
        if self.units[i].key in COLOUR:
            return False
        j = i + 1
        while j < len(self.units) and self.modifier(j):
            j += 1
        if j >= len(self.units) or self.units[j].row is not None or not self.units[j].gap:
            return False
        low = self.units[j].low
        stem = low[:-1] if low.endswith("s") else low
        return (
            len(stem) > 5
            and stem.isalpha()
            and stem.endswith(_DOER_OR_THING)
            and {low, stem}.isdisjoint(self.classes["not_doer"])
            and {low, stem}.isdisjoint(self.things)
            and {low, stem}.isdisjoint(self.persons)  # head() has seen those
        )

    def adjectival(self, i: int) -> bool:
        """Whether unit i reads as an adjective."""
        unit = self.units[i]
        if unit.row is not None:
            return unit.row.kind in ("adj", "age", "any")
        if unit.figure is not None:
            return True
        low = unit.low
        return low in self.classes["adjective"] or (
            low not in self.things and low.endswith(_ADJECTIVE_ENDINGS) and len(low) > 4
        )

    def ends(self, i: int) -> bool:
        """Whether a noun phrase ends before unit i (end of text, a mark, a function word)."""
        if i >= len(self.units):
            return True
        unit = self.units[i]
        if unit.row is not None:
            return unit.row.kind == "pronoun"
        return unit.low in _MARKS or unit.low in self.classes["stop"] or unit.low[0] == "'"

    def head(self, i: int) -> int:
        """Index of the person noun that an adjective at i modifies, or -1."""
        units, count = self.units, len(self.units)
        strict = units[i].key in COLOUR
        j = i + 1
        if strict and self._worn_colour(j):
            return -1
        while j < count and j <= i + REACH:
            unit = units[j]
            if skip := self._emphasis(j):  # "(black:1.2) woman", '"black" woman'
                j += skip
                continue
            if self.is_person(j):
                if unit.row is None and (end := self._family(j + 1)):
                    return end  # "young hippie woman"
                return -1 if unit.row is None and self.belongs_to_thing(j) else j
            if self.tags and unit.low == ",":
                return -1
            if unit.low in (",", "and", "or", "&") and unit.row is None:
                if not (self._series(j) and (self.adjectival(j - 1) or j == i + 1)):
                    return -1
            elif unit.low == "-":
                pass
            elif unit.row is not None or unit.figure is not None:
                if unit.row is not None and unit.row.kind == "pronoun":
                    return -1
            elif unit.low in _MARKS or unit.low[0] == "'" or unit.low in self.classes["stop"]:
                return -1
            elif unit.low in self.things:
                if not (self._trade(j) if strict else self._noun_run(j)):
                    return -1
            elif strict and not self.adjectival(j) and not self._trade(j):
                return -1
            j += 1
        return -1

    def _worn_colour(self, j: int) -> bool:
        """As in "white-bearded", "black-hooded", "black eyes": the colour of something else."""
        units = self.units
        if j < len(units) and units[j].low in _EYES:
            return True
        if j + 1 >= len(units) or units[j].low != "-" or units[j + 1].row is not None:
            return False
        return units[j + 1].low.endswith("ed") or units[j + 1].low == "clad"

    def _family(self, j: int) -> int:
        """Index of a noun that changes with age at j, its own age word before it or not; or 0."""
        if j + 1 < len(self.units) and self.units[j].key == "age*":
            j += 1
        if j >= len(self.units) or not self.units[j].gap:
            return 0
        row = self.units[j].row
        return j if row is not None and row.kind == "fam" and row.attributes else 0

    def modifier(self, i: int) -> bool:
        """An adjective, or a noun that often begins a compound (baseball player)."""
        return self.adjectival(i) or self.units[i].low in self.classes["compound"]

    def adjunct(self, i: int) -> int:
        """As in "child actor": the person noun that a child's noun stands before, or -1."""
        unit, units = self.units[i], self.units
        if unit.row is None or unit.row.name not in AGED:
            return -1
        if unit.values[0] != CHILD:
            return -1
        j = i + 1
        while j < len(units) and self.modifier(j) and not self.is_person(j):
            j += 1
        if j >= len(units) or not self.is_person(j) or self.head(i) < 0:
            return -1
        row = units[j].row
        return j if row is None or row.kind in ("noun", "any", "name", "adj") else -1

    def _emphasis(self, j: int) -> int:
        """How many units at j are brackets, quotes or a weight, which end no noun phrase."""
        low = self.units[j].low
        if low in _EMPHASIS:
            return 1
        if low != ":" or not self._digits(j + 1):
            return 0
        fraction = j + 2 < len(self.units) and self.units[j + 2].low == "." and self._digits(j + 3)
        return 4 if fraction else 2

    def _digits(self, j: int) -> bool:
        return j < len(self.units) and self.units[j].low.isdigit()

    def belongs_to_thing(self, j: int) -> bool:
        """As in "doctor's coat": the clear person word only qualifies an object."""
        k = j + 1
        if k < len(self.units) and self.units[k].low in ("'s", "'"):
            k += 1
        return (
            k < len(self.units) and self.units[k].row is None and self.units[k].low in self.things
        )

    def _series(self, j: int) -> bool:
        """Whether the comma or "and" at j joins adjectives of one noun."""
        k = j + 1
        if k < len(self.units) and self.units[k].low in ("and", "or"):
            k += 1
        return k < len(self.units) and (
            self.adjectival(k) or (self.is_person(k) and self.units[j].low == ",")
        )

    def _noun_run(self, j: int) -> bool:
        """Whether the object word at j is part of a compound for a person (street food vendor)."""
        while j + 1 < len(self.units) and self.units[j + 1].gap:
            j += 1
            if self.is_person(j):
                return True
            unit = self.units[j]
            if unit.row is not None or not (unit.low in self.things or self.modifier(j)):
                return False
        return False

    def _trade(self, j: int) -> bool:
        """As in "a black taxi driver": what stands before a person is the trade, not the colour's.

        Not so for what has colours of its own ("a white horse rider").
        """
        for k in range(j, len(self.units) - 1):
            low = self.units[k].low
            if low not in self.classes["compound"] or low in _COLOURED:
                return False
            if self.things.get(low) == "~animal":
                return False
            if self.units[k + 1].gap and self.is_person(k + 1):
                return True
        return False

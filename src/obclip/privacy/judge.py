"""Is this word about a person? Decided on masked units only.

Protects: "black dress" and "king penguin" stay as they are and "black man" does not; the verdict is
the same for every member because only keys, clear words and positions are read, never a value. Does
not protect: a person described without any person word.
"""

from __future__ import annotations

from obclip.privacy.scan import Unit
from obclip.privacy.vocabulary import Vocabulary, vocabulary

COLOUR = frozenset({"white.sg", "pale.sg"})  # rows whose words are also colours of things
PERSON_KINDS = frozenset({"noun", "fam", "name"})
GENDER_HEADS = frozenset({"female.sg", "females.sg"})
_ADJECTIVE_ENDINGS = ("ed", "ful", "ous", "ish", "ive", "less", "like", "some")
_DETERMINERS = frozenset(
    ["a", "an", "the", "two", "three", "four", "five", "some", "many", "several", "few"]
)
_PEOPLE_WORDS = frozenset(["someone", "somebody", "anyone", "anybody", "everyone", "everybody"])
_MARKS = frozenset(".,!?;:()[]/\"'|&+-")
REACH = 12


class Judge:
    """Reads one prompt's masked units and answers questions about positions in them."""

    __slots__ = ("classes", "persons", "things", "units")

    def __init__(self, units: list[Unit]) -> None:
        words = vocabulary()
        self.units = units
        self.classes = words.classes
        self.persons = words.persons
        self.things = words.things

    def is_person(self, i: int) -> bool:
        """Whether unit i can be the noun that an adjective of a person modifies."""
        unit = self.units[i]
        if unit.row is not None:
            return unit.row.kind in PERSON_KINDS or unit.key in GENDER_HEADS
        return unit.low in self.persons or self._doer(unit.low)

    def _doer(self, low: str) -> bool:
        """A noun of someone who does something, by its ending (bagpiper, harpist)."""
        if len(low) < 6 or low in self.things or low in self.classes["not_doer"]:
            return False
        stem = low[:-1] if low.endswith("s") else low
        if stem in self.classes["not_doer"] or low in self.classes["adjective"]:
            return False
        return stem.endswith(("ist", "ician", "eer", "er", "or")) and len(stem) > 5

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
        while j < count and j <= i + REACH:
            unit = units[j]
            if self.is_person(j):
                if unit.row is None and self._family(j + 1):
                    return j + 1  # "young hippie woman"
                return -1 if unit.row is None and self._belongs_to_thing(j) else j
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
                if strict or not self._noun_run(j):
                    return -1
            elif strict and not self.adjectival(j):
                return -1
            j += 1
        return -1

    def _family(self, j: int) -> bool:
        """Whether a noun that changes with age stands at j."""
        if j >= len(self.units) or not self.units[j].gap:
            return False
        row = self.units[j].row
        return row is not None and row.kind == "fam" and bool(row.attributes)

    def _belongs_to_thing(self, j: int) -> bool:
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
        """Whether the object word at j is part of a compound for a person (car mechanic)."""
        return j + 1 < len(self.units) and self.is_person(j + 1)

    def alone(self, i: int) -> bool:
        """Whether an adjective without a noun after it still speaks of a person."""
        if not self.ends(i + 1) and not self._running(i + 1):
            return False
        if i and self.units[i - 1].low in _PEOPLE_WORDS:
            return True  # "someone blind"
        return self._predicate(i) or self._tag(i) or self._as_noun(i)

    def _running(self, i: int) -> bool:
        unit = self.units[i]
        return unit.row is None and unit.low.endswith("ing") and unit.low not in self.things

    def _predicate(self, i: int) -> bool:
        """After a verb of being, with a person or a pronoun before it in the sentence."""
        j = i - 1
        while j >= 0 and (
            self.adjectival(j) or self.units[j].low in ("and", ",", "not", "very", "so", "both")
        ):
            j -= 1
        if j < 0 or (self.units[j].low not in self.classes["aux"] and self.units[j].low != "'s"):
            return False
        if j == 0 or self.units[j - 1].low in self.things:
            return False
        if self.units[i].key in COLOUR:
            before = self.units[j - 1]
            return self.is_person(j - 1) or (
                before.row is not None and before.row.kind == "pronoun"
            )
        while j > 0 and self.units[j - 1].low not in self.classes["clause"]:
            j -= 1
            unit = self.units[j]
            if self.is_person(j) or (unit.row is not None and unit.row.kind == "pronoun"):
                return self.units[j + 1].low != "'s" or self.units[j + 2 : j + 3] == []
        return False

    def _tag(self, i: int) -> bool:
        """Between commas ("portrait, elderly, smiling"); colours only right after a person."""
        units = self.units
        before = i == 0 or units[i - 1].low in (",", "(", "|")
        after = i + 1 == len(units) or units[i + 1].low in (",", ")", "|", ".", ":")
        if not (before and after):
            return False
        if units[i].key in COLOUR:
            return i > 1 and self.is_person(i - 2)
        return any(self.is_person(j) for j in range(len(units)))

    def _as_noun(self, i: int) -> bool:
        """As in "an African", "the blind", "two Chinese"."""
        if i == 0 or self.units[i].key in COLOUR:
            return False
        return self.units[i - 1].low in _DETERMINERS and self.units[i - 1].row is None


def exempt_idioms(units: list[Unit]) -> None:
    """Unmask every unit inside an idiom, longest first, for the whole orbit alike."""
    words = vocabulary()
    i = 0
    while i < len(units):
        size = max(_idiom(units, i, name, words) for name in _names(units[i], words.things))
        for unit in units[i : i + size]:
            if unit.row is not None:
                unit.unmask()
        i += size or 1


def _names(unit: Unit, things: dict[str, str]) -> tuple[str, ...]:
    """What an idiom may call a unit: its key, and its class if it is a clear word."""
    kind = things.get(unit.low) if unit.row is None else None
    return (unit.key,) if kind is None else (unit.key, kind)


def _idiom(units: list[Unit], i: int, name: str, words: Vocabulary) -> int:
    """How many units the longest idiom that begins with ``name`` at i covers."""
    seconds = words.idioms.get(name)
    if not seconds:
        return 0
    best = 1 if "" in seconds else 0
    j = i + 2 if i + 1 < len(units) and units[i + 1].low == "-" else i + 1
    after = _names(units[j], words.things) if j < len(units) else ()
    for second in after:
        for keys in seconds.get(second, ()):
            size = _matches(units, i, keys, words.things)
            if size:
                best = max(best, size)
                break
    return best


def _matches(units: list[Unit], i: int, keys: tuple[str, ...], things: dict[str, str]) -> int:
    j = i
    for n, key in enumerate(keys):
        if n and j < len(units) and units[j].low == "-" and key != "-":
            j += 1
        if j >= len(units):
            return 0
        unit = units[j]
        if (
            n
            and key != unit.key
            and not (key[0] == "~" and unit.row is None and things.get(unit.low) == key)
        ):
            return 0
        j += 1
    return j - i

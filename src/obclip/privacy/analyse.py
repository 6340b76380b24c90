"""A normalised prompt into a template and the values that the user wrote.

Protects: mask before deciding. Units of the table are known by their row; which of them speak of a
person, which age words belong together, which pronouns follow which noun is decided on that masked
text, so every member of the set is taken apart in the same way. Does not protect: what closure
cannot: `candidates.py` checks each member again and fails closed.
"""

from __future__ import annotations

from typing import NamedTuple

from obclip.privacy import ages, pronouns
from obclip.privacy.emoji import spaces
from obclip.privacy.guards import check_child_rule, check_clear_words, check_spelled_out, credited_from
from obclip.privacy.judge import GENDER_HEADS, Judge, exempt_idioms
from obclip.privacy.lexicon import ADULT, CHILD, Lexicon, Row, lexicon
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import Unit, scan
from obclip.privacy.settings import PrivacySettings
from obclip.privacy.tables import table_for
from obclip.privacy.taxonomy import Attribute
from obclip.privacy.template import Piece, Segment, Slot, Template


class Analysis(NamedTuple):
    """What a prompt says (``own``) and the template it says it in; spans are into the prompt."""

    template: Template
    own: tuple[str, ...]
    spans: tuple[tuple[int, int, tuple[int, ...]], ...]
    clear: tuple[tuple[int, int], ...]


class Draft:
    """A slot in the making: shared by everything that must change with it."""

    __slots__ = ("attribute", "index", "own", "place", "values")

    def __init__(self, attribute: str, own: str, place: int, values: tuple[str, ...]) -> None:
        self.attribute = attribute
        self.own = own
        self.place = place
        self.values = values
        self.index = -1


Part = tuple[str, Draft | None, str]


class Analyser:
    """One pass over one prompt. The order of the methods is the order of the decisions."""

    def __init__(self, text: str, settings: PrivacySettings) -> None:
        self.text = text
        self.settings = settings
        self.protected: dict[str, Attribute] = settings.protected()
        self.table: Lexicon = table_for(settings)
        self.units: list[Unit] = scan(text, self.table)
        self.judge = Judge(self.units)
        self.pieces: dict[int, Piece] = {}
        self.parts: dict[int, list[Part]] = {}
        self.swallowed: dict[int, int] = {}  # age word -> the noun it is rendered with
        self.drafts: list[Draft] = []
        self.says_child = ""
        self.active_rows: set[str] = set()
        self.gender_of: dict[int, Draft | str] = {}  # person noun -> its gender
        self.age_of: dict[int, Draft] = {}
        self.same: dict[int, int] = {}  # "the man" -> the only man named before

    def run(self) -> Analysis:
        exempt_idioms(self.units)
        self._allow()
        check_spelled_out(self.text, self.table)
        check_clear_words(self.units, self.judge)
        self._names()
        self._latina()
        self._repeats()
        self._activate()
        self._always_on()
        self._age_words()
        self._age_nouns()
        self._nouns()
        self._agreeing()
        self._emoji()
        self._pronouns()
        check_child_rule(self)
        return self._assemble()

    # -- claims ---------------------------------------------------------------------------------

    def claim(self, attribute: str, value: str, i: int, space: tuple[str, ...], draft: Draft | None = None) -> Part:
        """A piece's part: a slot (new or shared) if the attribute is protected, else the value."""
        if attribute == "age" and value == CHILD and not self.says_child:
            self.says_child = self.units[i].text
        known = self.protected.get(attribute)
        if known is None:
            return attribute, None, value
        if draft is None:
            group = known.group_of(value, self.settings.groups.get(attribute))
            values = tuple(
                v for v in group if v in space and (self.settings.third_gender or v not in known.optional)
            )
            draft = Draft(attribute, value, i, values)
            self.drafts.append(draft)
        else:
            if draft.own != value:
                raise refuse(
                    "contradiction",
                    f"{self.units[i].text!r} says another {attribute} than {self.units[draft.place].text!r}",
                    self.units[i].text,
                )
            draft.values = tuple(v for v in draft.values if v in space)
            draft.place = min(draft.place, i)
        return attribute, draft, value

    def space(self, row: Row, at: int) -> tuple[str, ...]:
        """The values of a row's attribute that have a form for every value of the others."""
        return tuple(dict.fromkeys(key[at] for key in row.forms))

    def put(self, i: int, kind: str, name: str, parts: list[Part], detail: tuple[str, ...] = (), plural: bool = False) -> None:
        """Make unit i a piece; with no protected attribute it stays literal."""
        if any(draft is not None for _, draft, _ in parts):
            self.pieces[i] = Piece(kind, name, (), detail, plural)
            self.parts[i] = parts

    # -- decisions ------------------------------------------------------------------------------

    def _allow(self) -> None:
        if not self.settings.allow:
            return
        rows = {u.key for word in self.settings.allow for u in scan(word, self.table) if u.row is not None}
        for unit in self.units:
            if unit.key in rows:
                unit.unmask()

    def _names(self) -> None:
        """First names count outside credits; a name followed by another name is refused elsewhere."""
        start = credited_from(self.units)
        for i, unit in enumerate(self.units):
            if unit.row is None or unit.row.kind != "name":
                continue
            if i >= start:
                unit.unmask()
            elif self._full_name(i):
                raise refuse("named_person", f"{unit.text!r} begins the name of a person", unit.text)

    def _full_name(self, i: int) -> bool:
        """Whether a capitalised clear word that no list knows, or another name, follows."""
        if i + 1 >= len(self.units) or not self.units[i + 1].gap:
            return False
        after = self.units[i + 1]
        if after.row is not None:
            return after.row.kind == "name"
        classes = self.judge.classes
        if after.low in classes["names"] or after.low in classes["names_common"]:
            return True
        return after.text[0].isupper() and self.units[i].text[0].isupper() and not self.judge.ends(i + 1) and not self._running(i + 1)

    def _running(self, i: int) -> bool:
        return self.units[i].low.endswith("ing")

    def _latina(self) -> None:
        """Latina and Latino before a noun of gender are adjectives that agree with it."""
        heritage = self.table.rows["heritage.sg"]
        for i, unit in enumerate(self.units):
            if unit.key == "latina.sg" and unit.values[1] == "latino" and self._gendered(self.judge.head(i)):
                noun = self.units[self.judge.head(i)]
                if noun.values[0] != unit.values[0]:
                    raise refuse("contradiction", f"{unit.text!r} and {noun.text!r} say two genders", unit.text)
                unit.row, unit.key, unit.values = heritage, heritage.name, ("latino",)

    def _gendered(self, i: int) -> bool:
        row = self.units[i].row if i >= 0 else None
        return row is not None and row.kind in ("fam", "noun") and row.attributes[:1] == ("gender",) and row.name != "latina.sg"

    def _repeats(self) -> None:
        """ "A man ... The man": one person, if only one has been named before."""
        named: list[int] = []
        for i, unit in enumerate(self.units):
            row = unit.row
            if row is not None and row.kind in ("noun", "fam") or self._one_person(i):
                the = i - 1
                if the >= 0 and self.units[the].key == "age*":  # "the girl", "the young woman"
                    the -= 1
                if row is not None and the >= 0 and self.units[the].low == "the" and len(named) == 1:
                    if self.units[named[0]].key == unit.key:
                        self.same[i] = named[0]
                        continue
                named.append(i)

    def _canon(self, i: int) -> int:
        return self.same.get(i, i)

    def _always_on(self) -> None:
        """A person noun without a gender carries one, "unspecified" being a value."""
        if "gender" not in self.settings.always_on:
            return
        for i, unit in enumerate(self.units):
            if unit.row is not None or not self._one_person(i) or (i + 1 < len(self.units) and self._one_person(i + 1)):
                continue
            before = self.units[i - 1] if i else unit
            own = "unspecified"
            if i and before.key == "female.sg":
                own = before.values[0]
                self.swallowed[i - 1] = i
                self.drafts = [d for d in self.drafts if all(d is not p[1] for p in self.parts.get(i - 1, []))]
                self.parts.pop(i - 1, None)
                self.pieces.pop(i - 1, None)
            elif i in self.gender_of or i and self._one_person(i - 1):
                continue
            self.gender_of.pop(i, None)
            draft = Draft("gender", own, i, ("unspecified", "woman", "man"))
            self.drafts.append(draft)
            self.put(i, "zero", unit.low if unit.text.islower() else unit.text, [("gender", draft, own)])

    def _activate(self) -> None:
        """Unmask adjectives that do not speak of a person."""
        judge = self.judge
        dropped = []
        for i, unit in enumerate(self.units):
            row = unit.row
            if row is None or row.kind != "adj":
                continue
            if judge.head(i) < 0 and not judge.alone(i):
                dropped.append(i)
        for i in dropped:
            self.units[i].unmask()
        for i, unit in enumerate(self.units):
            row = unit.row
            if row is None or row.kind not in ("adj", "any", "name", "noun"):
                continue
            self.active_rows.add(unit.key)
            if row.name == "heritage.sg" and self._gendered(judge.head(i)):
                continue  # see _agreeing
            if row.kind in ("adj", "any"):
                parts = [
                    self.claim(a, v, i, self.space(row, n))
                    for n, (a, v) in enumerate(zip(row.attributes, unit.values, strict=True))
                ]
                self.put(i, "row", row.name, parts, (), row.plural)
                for (a, draft, v) in parts:
                    if a == "gender":
                        head = i if unit.key in GENDER_HEADS and not self._directly(i) else judge.head(i)
                        if head >= 0:
                            self.gender_of.setdefault(head, draft if draft is not None else v)

    def _directly(self, i: int) -> bool:
        """Whether a person noun follows (female warrior), so that the word is its adjective."""
        return self.judge.head(i) >= 0

    def _age_words(self) -> None:
        """Adjectives of age and ages in figures, with the noun they belong to."""
        by_noun: dict[int, list[int]] = {}
        for i, unit in enumerate(self.units):
            if unit.figure is None and self._decade(i):
                continue
            if unit.figure is not None:
                head = self._figure_head(i)
                if head == -2:
                    unit.unmask()
                    continue
            elif unit.row is not None and unit.row.kind == "age":
                head = self.judge.head(i)
                if head < 0:
                    self._solo_age(i)
                    continue
            elif (head := self._adjunct(i)) >= 0:
                pass
            else:
                continue
            row = self.units[head].row if head >= 0 else None
            if row is not None and row.kind == "fam" and self._adjunct(head) < 0:
                by_noun.setdefault(head, []).append(i)
            else:
                self._neutral_age(i)
        for noun, words in by_noun.items():
            self._link(noun, words)

    def _decade(self, i: int) -> bool:
        """ "in her 30s", "in his late forties"."""
        found = ages.decade(self.units[i].low)
        if found is None:
            return False
        j = i - 1
        while j > 0 and self.units[j].low in ("early", "mid", "late", "-"):
            j -= 1
        owner = self.units[j]
        if j < 1 or self.units[j - 1].low != "in" or not (owner.key == "her*" or owner.low == "their"):
            return False
        self.units[i].unmask()
        self.units[i].key = "~decade"
        self.put(i, "decade", found[0], [self.claim("age", found[1], i, ages.AGES)])
        return True

    def _adjunct(self, i: int) -> int:
        """ "child actor", "kid wizard": the person noun that a child's noun stands before, or -1."""
        unit = self.units[i]
        if unit.row is None or unit.row.name not in ("person.sg", "adult.sg") or unit.values[0] != CHILD:
            return -1
        j = i + 1
        while j < len(self.units) and self.judge.adjectival(j) and not self.judge.is_person(j):
            j += 1
        if j >= len(self.units) or not self.judge.is_person(j):
            return -1
        row = self.units[j].row
        return j if row is None or row.kind in ("noun", "any", "name") else -1

    def _figure_head(self, i: int) -> int:
        """The noun of an age in figures: after it, or shortly before it; -1 none, -2 not a person."""
        if not 0 < self.units[i].figure[2] <= 120:  # type: ignore[index]
            return -2
        closed = i + 1 < len(self.units) and self.units[i + 1].low == ")"
        head = self.judge.head(i + closed)
        if head >= 0:
            return head
        if not self.judge.ends(i + 1) and self.units[i + 1].low in self.judge.things:
            return -2
        for j in range(i - 1, max(-1, i - 7), -1):
            if self.units[j].low in self.judge.classes["clause"]:
                break
            if self.judge.is_person(j):
                return j
        return -1

    def _solo_age(self, i: int) -> None:
        unit = self.units[i]
        found = ages.decode(unit.values[0], "solo")
        if found is not None and not self.judge.alone(i) and not (found[0] == "elderly" and self._some_noun(i + 1)):
            found = None
        if found is None:
            unit.unmask()
            return
        style, age = found
        self.put(i, "age", style, [self.claim("age", age, i, ages.AGES)], ("solo",))

    def _some_noun(self, i: int) -> bool:
        """Whether a clear word follows that is no known object: "a young ork" may be a person."""
        return not self.judge.ends(i) and self.units[i].row is None and self.units[i].low not in self.judge.things

    def _neutral_age(self, i: int) -> None:
        unit = self.units[i]
        if unit.figure is not None:
            before, after, years = unit.figure
            age = ages.bucket(years)
            self.put(i, "figure", "", [self.claim("age", age, i, ages.AGES)], (before, after, "woman"))
            return
        word = unit.low if unit.row is not None and unit.row.kind == "fam" else unit.values[0]
        comma = i + 1 < len(self.units) and self.units[i + 1].low in (",", "and", "or")
        place = "solo" if comma else "neutral"  # "a childlike, bald king", "a child king"
        found = ages.decode(word, place)
        if found is None:
            unit.unmask()
            return
        self.put(i, "age", found[0], [self.claim("age", found[1], i, ages.AGES)], (place,))

    def _link(self, noun: int, words: list[int]) -> None:
        """One noun and its age words: the nearest is linked, the others stand for themselves."""
        unit = self.units[noun]
        form = unit.values[-1]
        nearest = min(words, key=lambda i: abs(noun - i))
        for i in words:
            if i != nearest:
                if self.units[i].figure is None and self.units[i].values[0] in ("little", "small", "younger", "older"):
                    self.units[i].unmask()
                else:
                    self._neutral_age(i)
        other = self.units[nearest]
        if other.figure is not None:
            before, after, years = other.figure
            found = ages.figure(years, form)
            if found is None:
                raise refuse("contradiction", f"{other.text!r} and {unit.text!r} say two ages", other.text)
            part = self.claim("age", found[1], nearest, ages.AGES)
            self.put(nearest, "figure", "", [part], (before, after, found[0]))
            self._noun(noun, part, ("figure", found[0]))
            return
        word = other.values[0] if other.row is not None and other.row.kind == "age" else other.low
        near = nearest == noun - 1
        decoded = ages.decode(word, "near" if near else "far", form)
        if decoded is None:
            if word in ("little", "small", "younger", "older"):
                other.unmask()
                return
            raise refuse("contradiction", f"{other.text!r} and {unit.text!r} say two ages", other.text)
        style, age = decoded
        part = self.claim("age", age, noun if near else nearest, ages.AGES, self.age_of.get(self._canon(noun)))
        if near:
            self.swallowed[nearest] = noun
            self._noun(noun, part, ("near", style))
        else:
            self.put(nearest, "age", style, [part], ("far",))
            self._noun(noun, part, ("far", style))

    def _age_nouns(self) -> None:
        """ "baby girl", "teenage boy": an age noun right before a noun that changes with age."""
        for i, unit in enumerate(self.units[:-1]):
            row, after = unit.row, self.units[i + 1].row
            if row is None or after is None or after.kind != "fam" or i + 1 in self.parts:
                continue
            if row.attributes != ("age",) or row.kind not in ("noun", "any"):
                continue
            if (unit.values[0] == CHILD) != (self.units[i + 1].values[-1] == CHILD):
                raise refuse("contradiction", f"{unit.text!r} and {self.units[i + 1].text!r} say two ages", unit.text)
            if i in self.parts:
                part = self.parts[i][0]
            else:
                part = self.claim("age", unit.values[0], i, self.space(row, 0))
                self.put(i, "row", row.name, [part], (), row.plural)
            self._noun(i + 1, part, ("far", "elderly"))

    def _noun(self, i: int, age: Part, detail: tuple[str, str]) -> None:
        unit = self.units[i]
        row = unit.row
        assert row is not None
        parts = self._gender(i, row)
        if age[1] is not None:
            self.age_of.setdefault(self._canon(i), age[1])
        self.put(i, "noun", row.name, [*parts, age], detail, row.plural)
        self.active_rows.add(row.name)

    def _gender(self, i: int, row: Row) -> list[Part]:
        if not row.attributes:
            return []
        who = self._canon(i)
        given = self.gender_of.get(who, self.gender_of.get(i))
        shared = given if isinstance(given, Draft) else None
        part = self.claim("gender", self.units[i].values[0], i, self.space(row, 0), shared)
        self.gender_of[who] = self.gender_of[i] = part[1] if part[1] is not None else part[2]
        return [part]

    def _agreeing(self) -> None:
        for i, unit in enumerate(self.units):
            if unit.key != "heritage.sg" or i in self.parts:
                continue
            noun = self.judge.head(i)
            row = self.units[noun].row
            assert row is not None
            (gender,) = self._gender(noun, row)
            values = self.protected["ethnicity"].values if "ethnicity" in self.protected else ()
            ethnicity = self.claim("ethnicity", unit.values[0], i, values)
            self.put(i, "agree", "heritage.sg", [gender, ethnicity])

    def _nouns(self) -> None:
        """Everything else that stands in a row. Beside "Buddhist", a monk's own faith is kept as it is."""
        faiths = {
            self.judge.head(i)
            for i, unit in enumerate(self.units)
            if unit.row is not None and unit.row.kind == "adj" and unit.row.attributes == ("religion",)
        }
        for i, unit in enumerate(self.units):
            row = unit.row
            if row is None or i in self.parts or i in self.swallowed or unit.figure is not None:
                continue
            if row.kind == "fam":
                if unit.values[-1] == CHILD:
                    known = self.age_of.get(self._canon(i))
                    self._noun(i, self.claim("age", CHILD, i, ages.AGES, known), ("near", "elderly"))
                elif row.attributes:
                    self.put(i, "bare", row.name, self._gender(i, row), (ADULT,), row.plural)
                    self.active_rows.add(row.name)
            elif row.kind in ("noun", "name"):
                parts = []
                for n, (attribute, value) in enumerate(zip(row.attributes, unit.values, strict=True)):
                    if attribute == "gender":
                        parts += self._gender(i, row)
                    elif attribute == "religion" and i in faiths:
                        parts.append((attribute, None, value))
                    else:
                        parts.append(self.claim(attribute, value, i, self.space(row, n)))
                self.put(i, "row", row.name, parts, (), row.plural)

    def _emoji(self) -> None:
        for i, unit in enumerate(self.units):
            if unit.emoji is not None:
                shape, said = unit.emoji
                room = spaces(shape)
                names = tuple(a for a, _ in said)
                parts = [self.claim(a, v, i, room[a]) for a, v in said]
                self.put(i, "emoji", shape, parts, names)
                if names[0] == "gender":
                    self.gender_of[i] = parts[0][1] or parts[0][2]

    def _pronouns(self) -> None:
        topic = pronouns.Topic()
        chains: dict[object, Draft] = {}
        previous = -2
        for i, unit in enumerate(self.units):
            row = unit.row
            if unit.low in self.judge.classes["clause"]:
                topic.end_sentence()
            elif row is not None and row.kind == "pronoun":
                self._pronoun(i, topic, chains)
            elif self._one_person(i):
                if previous < i - 1:
                    topic.person(self._canon(i))
                elif i in self.gender_of:  # "knight woman", "IT woman": one person
                    self.gender_of.setdefault(previous, self.gender_of[i])
                previous = i
            elif self.units[i].low in self.judge.classes["credit"] and i >= credited_from(self.units):
                break

    def _one_person(self, i: int) -> bool:
        unit = self.units[i]
        if unit.emoji is not None:
            return unit.emoji[1][0][0] == "gender"
        if unit.row is not None:
            return (unit.row.kind in ("noun", "fam", "name") or unit.key in GENDER_HEADS) and not unit.row.plural
        low = unit.low
        return low in self.judge.persons and low not in self.judge.classes["headonly"] and (low[-1] != "s" or low == "boss")

    def _pronoun(self, i: int, topic: pronouns.Topic, chains: dict[object, Draft]) -> None:
        unit = self.units[i]
        case = pronouns.case_of(self.judge, i)
        if case == pronouns.POSSESSIVE and unit.low in ("her", "him") or case == pronouns.OBJECT and unit.low == "his":
            case = ""
        value = pronouns.gender_of(unit.low, case) if case else None
        if value is None:
            raise refuse("pronoun_case", f"the case of {unit.text!r} cannot be told from the words around it", unit.text)
        chain = topic.pronoun(case)
        given = self.gender_of.get(chain) if isinstance(chain, int) else None
        shared = given if isinstance(given, Draft) else chains.get(chain)
        part = self.claim("gender", value, i, pronouns.GENDERS, shared)
        if part[1] is not None:
            chains.setdefault(chain, part[1])
        self.put(i, "pronoun", case, [part])

    # -- the template ---------------------------------------------------------------------------

    def _assemble(self) -> Analysis:
        from obclip.privacy.assemble import assemble

        return assemble(self)


def analyse(text: str, settings: PrivacySettings) -> Analysis:
    """Take a normalised prompt apart.

    Raises:
        PromptRefused: something in it cannot be resolved; the word is named.
    """
    return Analyser(text, settings).run()


__all__ = ["Analyser", "Analysis", "Draft", "analyse", "lexicon"]

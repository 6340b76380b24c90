"""A normalised prompt into a template and the values that the user wrote.

Protects: mask before deciding. Units of the table are known by their row; which of them speak of a
person, which age words belong together, which pronouns follow which noun is decided on that masked
text, so every member of the set is taken apart in the same way. Does not protect: what closure
cannot: `candidates.py` checks each member again and fails closed.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from obclip.errors import TaxonomyError
from obclip.privacy.agewords import claim_age_nouns, claim_age_words
from obclip.privacy.always import add_always_on
from obclip.privacy.bare import mark_bare_ages
from obclip.privacy.chains import claim_chains, claim_pronouns
from obclip.privacy.draft import Draft, Part
from obclip.privacy.guards import (
    check_child_rule,
    check_clear_words,
    check_spelled_out,
)
from obclip.privacy.idioms import exempt_idioms
from obclip.privacy.judge import Judge
from obclip.privacy.lexicon import CHILD, Lexicon, Row
from obclip.privacy.normalise import refuse
from obclip.privacy.openages import check_bare_figures
from obclip.privacy.persons import (
    agreeing_adjectives,
    find_predicates,
    find_repeats,
    settle_names,
    tie_names,
)
from obclip.privacy.scan import Unit, scan
from obclip.privacy.settings import PrivacySettings
from obclip.privacy.tables import table_for
from obclip.privacy.taxonomy import Attribute
from obclip.privacy.template import Piece, Template
from obclip.privacy.things import leave_things
from obclip.privacy.words import (
    claim_adjectives,
    claim_agreeing,
    claim_emoji,
    claim_nouns,
)


class Analysis(NamedTuple):
    """What a prompt says (``own``) and the template it says it in; spans are into the prompt.

    ``wide`` is the size of the set with a slot for each chain of pronouns (see places.py).
    """

    template: Template
    own: tuple[str, ...]
    spans: tuple[tuple[int, int, tuple[int, ...]], ...]
    clear: tuple[tuple[int, int], ...]
    wide: int = 0


class Analyser:
    """One pass over one prompt. The order of the methods is the order of the decisions."""

    def __init__(
        self, text: str, settings: PrivacySettings, tight: bool = False, tags: bool = False
    ) -> None:
        self.text = text
        self.tight = tight  # pronouns bound by place: see places.py
        self.settings = settings
        self.protected: dict[str, Attribute] = settings.protected()
        self.table: Lexicon = table_for(settings)
        self.units: list[Unit] = scan(text, self.table)
        self.judge = Judge(self.units, tags)
        self.pieces: dict[int, Piece] = {}
        self.parts: dict[int, list[Part]] = {}
        self.swallowed: dict[int, int] = {}  # age word -> the noun it is rendered with
        self.drafts: list[Draft] = []
        self.says_child = ""
        self.gender_of: dict[int, Draft | str] = {}  # person noun -> its gender
        self.age_of: dict[int, Draft] = {}
        self.figured: dict[int, Draft] = {}  # person -> its age in figures
        self.predicates: dict[int, int] = {}  # "she is a queen": the pronoun and its noun
        self.loose: dict[int, Draft | str] = {}  # "female wizard": the gender of the person
        self.bound: dict[int, int] = {}  # "a man in his 30s": the pronoun and its noun
        self.saved = 1  # the factor by which bound mentions other than pronouns shrink the set
        self.same: dict[int, int] = {}  # "the man" -> the only man named before

    def run(self) -> Analysis:
        exempt_idioms(self.units)
        self._allow()
        check_spelled_out(self.text, self.table)
        leave_things(self.judge)
        mark_bare_ages(self.judge)
        check_bare_figures(self.units)
        check_clear_words(self.units, self.judge)
        settle_names(self)
        agreeing_adjectives(self)
        find_repeats(self)
        tie_names(self)
        find_predicates(self)
        claim_adjectives(self)
        add_always_on(self)
        claim_age_words(self)
        claim_age_nouns(self)
        claim_nouns(self)
        claim_agreeing(self)
        claim_emoji(self)
        wide = self._width() if self.tight else 0
        claim_pronouns(self)
        check_child_rule(self)
        return self._assemble()._replace(wide=wide)

    def _width(self) -> int:
        """The size of the set if no pronoun were bound by place; leaves everything as it was."""
        before = [(draft, draft.values, draft.place) for draft in self.drafts]
        kept = self.pieces, self.parts, self.gender_of, self.age_of, self.loose
        self.pieces, self.parts = dict(self.pieces), dict(self.parts)
        self.gender_of, self.age_of = dict(self.gender_of), dict(self.age_of)
        self.loose = dict(self.loose)
        says = self.says_child
        claim_chains(self)
        check_child_rule(self)
        used = {id(part[1]): part[1] for parts in self.parts.values() for part in parts if part[1]}
        wide = self.saved * prod(len(draft.values) for draft in used.values())
        self.pieces, self.parts, self.gender_of, self.age_of, self.loose = kept
        self.says_child = says
        del self.drafts[len(before) :]
        for draft, values, place in before:
            draft.values, draft.place = values, place
        return wide

    def claim(
        self, attribute: str, value: str, i: int, space: tuple[str, ...], draft: Draft | None = None
    ) -> Part:
        """A piece's part: a slot (new or shared) if the attribute is protected, else the value."""
        if attribute == "age" and value == CHILD and not self.says_child:
            self.says_child = self.units[i].text
        known = self.protected.get(attribute)
        if known is None:
            return attribute, None, value
        if draft is None:
            group = known.group_of(value, self.settings.groups.get(attribute))
            values = tuple(
                v
                for v in group
                if v in space and (self.settings.third_gender or v not in known.optional)
            )
            draft = Draft(attribute, value, i, values)
            self.drafts.append(draft)
        else:
            if draft.own != value:
                raise refuse(
                    "contradiction",
                    f"{self.units[i].text!r} says another {attribute} than"
                    f" {self.units[draft.place].text!r}",
                    self.units[i].text,
                )
            draft.values = tuple(v for v in draft.values if v in space)
            draft.place = min(draft.place, i)
        return attribute, draft, value

    def row(self, i: int) -> Row:
        """The row of a unit that is known to stand in one."""
        row = self.units[i].row
        if row is None:
            raise TaxonomyError("a unit without a row", got=i)
        return row

    def space(self, row: Row, at: int) -> tuple[str, ...]:
        """The values of a row's attribute that have a form for every value of the others."""
        return tuple(dict.fromkeys(key[at] for key in row.forms))

    def put(
        self,
        i: int,
        kind: str,
        name: str,
        parts: list[Part],
        detail: tuple[str, ...] = (),
        plural: bool = False,
    ) -> None:
        """Make unit i a piece; with no protected attribute it stays literal."""
        if any(draft is not None for _, draft, _ in parts):
            self.pieces[i] = Piece(kind, name, (), detail, plural)
            self.parts[i] = parts

    def _allow(self) -> None:
        if not self.settings.allow:
            return
        rows = {
            u.key
            for word in self.settings.allow
            for u in scan(word, self.table)
            if u.row is not None
        }
        for unit in self.units:
            if unit.key in rows:
                unit.unmask()

    def canon(self, i: int) -> int:
        return self.same.get(i, i)

    def _assemble(self) -> Analysis:
        from obclip.privacy.assemble import assemble

        return assemble(self)


def analyse(
    text: str, settings: PrivacySettings, tight: bool = False, tags: bool = False
) -> Analysis:
    """Take a normalised prompt apart; ``tight`` binds its pronouns by place.

    ``tags``: a negative prompt, whose comma-separated words are mentions of their own.

    Raises:
        PromptRefused: something in it cannot be resolved; the word is named.
    """
    return Analyser(text, settings, tight, tags).run()


__all__ = ["Analyser", "Analysis", "analyse"]

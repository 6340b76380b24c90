"""From a prompt to its closed candidate set.

Protects: the theorem's premise. Every member of the set is taken apart again and must give the same
template and its own values, hence the same set in the same order; otherwise nothing leaves. Does
not protect: the template itself, which is public by design.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from obclip.errors import PromptRefused
from obclip.privacy.advice import size, too_large
from obclip.privacy.analyse import Analysis, analyse
from obclip.privacy.choice import Choice
from obclip.privacy.fused import apart
from obclip.privacy.lexicon import Row
from obclip.privacy.normalise import normalise, refuse
from obclip.privacy.settings import PrivacySettings
from obclip.privacy.spelled import figures_in_digits
from obclip.privacy.tables import table_for
from obclip.privacy.taxonomy import table_version
from obclip.privacy.template import Piece, Slot, surface


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """One attribute the set runs over: its name, the mention's place, its values."""

    name: str
    mention: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """What may leave the device. Holds nothing that depends on which member is the user's."""

    prompts: tuple[str, ...]
    negatives: tuple[str, ...]
    attributes: tuple[SetAttribute, ...]
    table_version: str

    @property
    def n(self) -> int:
        """How many members the set has."""
        return len(self.prompts)


@dataclass(frozen=True, slots=True)
class Mention:
    """A span of the normalised prompt (or negative prompt) that changes from member to member."""

    start: int
    end: int
    text: str
    attributes: tuple[str, ...]
    mention: int
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Expansion:
    """What the device knows: the set, the choice, and what to show the user."""

    candidates: CandidateSet
    choice: Choice
    normalised: str
    normalised_negative: str | None
    mentions: tuple[Mention, ...]
    clear: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Expansion(n={self.candidates.n}, redacted)"


def _normal(text: str, settings: PrivacySettings) -> str:
    """A prompt in the spelling that is read. Idempotent."""
    return apart(figures_in_digits(normalise(text)), table_for(settings))


def _parts(
    text: str, settings: PrivacySettings, tight: bool = False, tags: bool = False
) -> tuple[str, Analysis]:
    """The normal form of a prompt and its analysis."""
    clean = _normal(text, settings)
    analysis = analyse(clean, settings, tight, tags)
    if analysis.template.slots:
        rendered = _render(analysis, settings, (analysis.own,))[0]
        if rendered != clean:
            again = analyse(rendered, settings, tight, tags)
            if again.template != analysis.template or again.own != analysis.own:
                raise _open(clean, analysis)
            clean, analysis = rendered, again
    return clean, analysis


def _render(
    analysis: Analysis, settings: PrivacySettings, many: tuple[tuple[str, ...], ...]
) -> list[str]:
    """The template filled with each tuple of values; each piece is spelled once per value."""
    rows = table_for(settings).rows
    slots = analysis.template.slots
    columns: list[list[str]] = []
    for segment in analysis.template.segments:
        if isinstance(segment, str):
            columns.append([segment] * len(many))
            continue
        columns.append(_column(segment, slots, many, rows))
    return ["".join(column) for column in zip(*columns, strict=True)]


def _column(
    piece: Piece, slots: tuple[Slot, ...], many: tuple[tuple[str, ...], ...], rows: dict[str, Row]
) -> list[str]:
    known: dict[tuple[str, ...], str] = {}
    column = []
    for values in many:
        chosen = tuple([kept if slot < 0 else values[slot] for _, slot, kept in piece.parts])
        text = known.get(chosen)
        if text is None:
            text = known[chosen] = surface(piece, chosen, rows)
        column.append(text)
    return column


def _open(text: str, analysis: Analysis) -> PromptRefused:
    word = ""
    if analysis.spans:
        start, end, _ = analysis.spans[0]
        word = text[start:end]
    return refuse("not_closed", f"the set around {word!r} would not be closed", word)


def _members(
    text: str, wide: Analysis, settings: PrivacySettings, tags: bool
) -> Callable[[int], int]:
    """How many members a prompt has under a cap: a set too large is bound by place."""

    def under(cap: int) -> int:
        if size(wide) <= cap:
            return size(wide)
        try:
            return size(_parts(text, settings, True, tags)[1])
        except PromptRefused:  # the places contradict the words
            return size(wide)

    return under


def _fit(prompt: str, negative: str, settings: PrivacySettings) -> None:
    """Refuse a prompt and a negative prompt whose sets are too large together."""
    clean, first = _parts(prompt, settings)
    other, second = _parts(negative, settings, tags=True)
    one = _members(clean, first, settings, False)
    two = _members(other, second, settings, True)
    if one(settings.cap) * two(settings.cap) > settings.cap:
        worst = clean if size(first) >= size(second) else other
        raise too_large(worst, settings, (first, second), lambda cap: one(cap) * two(cap))


def _close(
    text: str, settings: PrivacySettings, tags: bool = False
) -> tuple[str, Analysis, list[str]]:
    """A prompt's normal form, analysis and members in canonical order, closure verified."""
    clean, analysis = _parts(text, settings, tags=tags)
    if not analysis.template.slots:
        return clean, analysis, [clean]
    wide = size(analysis)
    tight = wide > settings.cap
    if tight:  # a set too large for its cap, with its pronouns bound by place (see places.py)
        under = _members(clean, analysis, settings, tags)
        if under(settings.cap) > settings.cap:
            raise too_large(clean, settings, (analysis,), under)
        clean, analysis = _parts(clean, settings, True, tags)
    slots = analysis.template.slots
    for slot, own in zip(slots, analysis.own, strict=True):
        if own not in slot.values:
            raise _open(clean, analysis)
    n = size(analysis)
    many = tuple(product(*(slot.values for slot in slots)))
    members = _render(analysis, settings, many)
    for member, values in zip(members, many, strict=True):
        if member == clean:
            continue
        try:
            if _normal(member, settings) != member:
                raise _open(clean, analysis)
            again = analyse(member, settings, tight, tags)
            if tight and again.wide != wide:
                raise _open(clean, analysis)
        except PromptRefused as error:
            raise _open(clean, analysis) from error
        if again.own != values or again.template != analysis.template:
            raise _open(clean, analysis)
    if len(set(members)) != n or clean not in members:
        raise _open(clean, analysis)
    return clean, analysis, members


def _mentions(text: str, analysis: Analysis, offset: int, negative: bool) -> list[Mention]:
    slots = analysis.template.slots
    return [
        Mention(
            start,
            end,
            text[start:end],
            tuple(slots[s].attribute for s in indices),
            offset + slots[indices[0]].mention,
            negative,
        )
        for start, end, indices in analysis.spans
    ]


def expand(
    prompt: str, settings: PrivacySettings | None = None, negative: str | None = None
) -> Expansion:
    """The closed candidate set of a prompt (and of its negative prompt, which has its own slots).

    Raises:
        PromptRefused: with a stable code and the word; nothing has left the device.
    """
    settings = settings or PrivacySettings()
    if negative is not None and negative.strip():
        _fit(prompt, negative, settings)
    clean, analysis, members = _close(prompt, settings)
    slots = analysis.template.slots
    found = [SetAttribute(s.attribute, s.mention, s.values) for s in slots]
    mentions = _mentions(clean, analysis, 0, False)
    choice = members.index(clean)
    negatives: list[str] = []
    clean_negative = None
    if negative is not None and negative.strip():
        clean_negative, other, others = _close(negative, settings, True)
        offset = 1 + max((s.mention for s in slots), default=-1)
        found += [
            SetAttribute(s.attribute, s.mention + offset, s.values) for s in other.template.slots
        ]
        mentions += _mentions(clean_negative, other, offset, True)
        choice = choice * len(others) + others.index(clean_negative)
        negatives = others * len(members)
        members = [member for member in members for _ in others]
    return Expansion(
        CandidateSet(tuple(members), tuple(negatives), tuple(found), table_version()),
        Choice(choice),
        clean,
        clean_negative,
        tuple(mentions),
        tuple(clean[start:end] for start, end in analysis.clear),
    )

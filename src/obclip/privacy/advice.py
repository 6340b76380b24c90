"""What to do about a set that is too large: the fewest groupings that fit, or the cap it needs.

Protects: the advice is counted with the largest group of each level, so it is the same for every
member and tells nothing of the value. Does not protect: that a set was too large.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from math import prod

from obclip.errors import PromptRefused
from obclip.privacy.analyse import Analysis
from obclip.privacy.normalise import refuse
from obclip.privacy.settings import MAX_CAP, PrivacySettings
from obclip.privacy.template import Slot


def size(analysis: Analysis) -> int:
    """How many members an analysis stands for."""
    return prod(len(slot.values) for slot in analysis.template.slots)


def too_large(
    text: str,
    settings: PrivacySettings,
    parts: tuple[Analysis, ...],
    members: Callable[[int], int],
) -> PromptRefused:
    """The refusal of a set whose ``parts`` (prompt, negative prompt) are too many together.

    ``members`` says how many members the set would have under a cap: pronouns bound by place make
    it smaller where the cap leaves no room for slots of their own (see places.py).
    """
    widest = max(parts, key=size)
    start, end, _ = widest.spans[0]
    slots = [slot for part in parts for slot in part.template.slots]
    n = prod(len(slot.values) for slot in slots)
    return refuse(
        "set_too_large",
        f"the set would have {n} members, the profile's cap is {settings.cap}",
        text[start:end],
        "rephrase with fewer people or attributes",
        _way_out(n, slots, settings, members),
    )


def _way_out(
    n: int, slots: list[Slot], settings: PrivacySettings, members: Callable[[int], int]
) -> str:
    caps = [cap for cap in (members(settings.cap), n) if cap <= MAX_CAP and members(cap) <= cap]
    higher = f"set cap = {caps[0]} in the profile" if caps else ""
    coarser = _coarser(n, slots, settings)
    if coarser and higher:
        return f"{coarser}, or {higher}"
    return coarser or higher or "no grouping of the profile brings it under the cap"


def _coarser(n: int, slots: list[Slot], settings: PrivacySettings) -> str:
    """The fewest published groupings that bring a set under its cap."""
    known = settings.protected()
    levels = {
        slot.attribute: [
            (level, max(len(set(group).intersection(slot.values)) for group in groups))
            for level, groups in known[slot.attribute].groupings.items()
        ]
        for slot in slots
        if slot.attribute not in settings.groups
    }
    open_to = [name for name, found in levels.items() if found]
    for count in range(1, len(open_to) + 1):
        for names in combinations(open_to, count):
            for chosen in product(*([level for level, _ in levels[name]] for name in names)):
                left = prod(_left(slot, dict(zip(names, chosen, strict=True)), settings)
                            for slot in slots)  # fmt: skip
                if left <= settings.cap:
                    said = ", ".join(
                        f'{name} = "{level}"' for name, level in zip(names, chosen, strict=True)
                    )
                    return f"group {said} in the profile ({left} members)"
    return ""


def _left(slot: Slot, levels: dict[str, str], settings: PrivacySettings) -> int:
    """How many values a slot runs over, at most, at the levels chosen."""
    level = levels.get(slot.attribute)
    if level is None:
        return len(slot.values)
    groups = settings.protected()[slot.attribute].groupings[level]
    return max(len(set(group).intersection(slot.values)) for group in groups)

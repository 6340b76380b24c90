"""The standing choices of a profile, made before any prompt and the same for all prompts.

Protects: what is protected, how coarsely and up to which N never depends on the prompt. Does not
protect: a profile that protects nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from obclip.errors import ProfileError
from obclip.privacy.custom import CustomAttribute
from obclip.privacy.taxonomy import Attribute, attributes

ALWAYS = ("gender", "age", "ethnicity", "skin_tone")
DEFAULT_CAP = 64
MAX_CAP = 4096


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What a profile protects.

    protect: attribute names; None is the default set (and every custom attribute).
    always_on: attributes that every person carries, mentioned or not, "unspecified" being a value.
    third_gender: whether gender has a third value.
    groups: attribute -> published grouping level; the set is the product of the groups used.
    allow: words left in clear, each with its whole row.
    cap: the largest set that may be sent.
    strict: refuse when a server could guess an attribute above this probability (see leakage).
    custom: closed lists of the user's own.

    Raises:
        ProfileError: a name, level or number that does not exist.
    """

    protect: tuple[str, ...] | None = None
    always_on: tuple[str, ...] = ()
    third_gender: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    cap: int = DEFAULT_CAP
    strict: float | None = None
    custom: tuple[CustomAttribute, ...] = ()

    def __post_init__(self) -> None:
        known = self.known()
        names = () if self.protect is None else tuple(self.protect)
        for name in (*names, *self.always_on, *self.groups):
            if name not in known:
                raise ProfileError("unknown attribute", got=name, expected=", ".join(known))
        if self.protect is not None:
            object.__setattr__(self, "protect", names)
        for name in self.always_on:
            if name not in ALWAYS:
                raise ProfileError(
                    "this attribute cannot be always on", got=name, expected=", ".join(ALWAYS)
                )
        for name, level in self.groups.items():
            if level not in known[name].groupings:
                allowed = ", ".join(known[name].groupings) or "none"
                raise ProfileError(f"unknown grouping of {name}", got=level, expected=allowed)
        if not 1 <= self.cap <= MAX_CAP:
            raise ProfileError("cap out of range", got=self.cap, expected=f"1 to {MAX_CAP}")
        if self.strict is not None and not 0.0 < self.strict <= 1.0:
            raise ProfileError(
                "strict out of range", got=self.strict, expected="above 0, at most 1"
            )
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))

    def known(self) -> dict[str, Attribute]:
        """Every attribute this profile can name, in canonical order."""
        found = dict(attributes())
        for custom in self.custom:
            found[custom.name] = custom.attribute()
        return found

    def protected(self) -> dict[str, Attribute]:
        """The protected attributes, in canonical order."""
        known = self.known()
        if self.protect is not None:
            names = set(self.protect) | set(self.always_on)
        else:
            names = {n for n, a in known.items() if a.default} | set(self.always_on)
        return {name: attribute for name, attribute in known.items() if name in names}

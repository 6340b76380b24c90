"""A slot in the making.

Protects: everything that must change together shares one draft, hence one value. Does not protect:
by itself; see analyse.py.
"""

from __future__ import annotations


class Draft:
    """A slot in the making: shared by everything that must change with it."""

    __slots__ = ("attribute", "index", "own", "place", "values")

    def __init__(self, attribute: str, own: str, place: int, values: tuple[str, ...]) -> None:
        self.attribute = attribute
        self.own = own
        self.place = place
        self.values = values
        self.index = -1


Part = tuple[str, Draft | None, str]  # attribute, its slot if protected, the value written

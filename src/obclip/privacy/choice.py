"""The one secret: which member of the set is the user's own.

Protects: the index cannot be printed, logged, pickled, copied or turned into JSON by accident; only
`reveal()` gives it. Does not protect: against code on the device that asks for it.
"""

from __future__ import annotations

from typing import NoReturn


class Choice:
    """The user's own index, opaque."""

    __slots__ = ("__index",)

    def __init__(self, index: int) -> None:
        object.__setattr__(self, "_Choice__index", index)

    def reveal(self) -> int:
        """The index, for the one who selects."""
        index: int = object.__getattribute__(self, "_Choice__index")
        return index

    def __repr__(self) -> str:
        return "Choice(redacted)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Choice(redacted)"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a choice does not change")

    def _never(self, *_: object) -> NoReturn:
        raise TypeError("a choice is never copied or serialised")

    __reduce__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = _never

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("choices are not compared")

    __hash__ = None  # type: ignore[assignment]

"""Taking one's own item, after the connection is closed and not before.

Protects: `select` takes only a `Sealed`, and a `Sealed` is made only from a closed connection, so
nothing that the choice touches can still reach the cloud. Does not protect: a connection that lies
about being closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from obclip.errors import SelectionError
from obclip.privacy.choice import Choice

T = TypeVar("T")
_KEY = object()


class Closable(Protocol):
    """A connection that knows whether it is closed."""

    @property
    def is_closed(self) -> bool: ...


class Sealed(Generic[T]):
    """All N items, received and validated, with the connection closed. Made by `seal` only."""

    __slots__ = ("_items",)

    def __init__(self, items: tuple[T, ...], key: object) -> None:
        if key is not _KEY:
            raise SelectionError("a Sealed is made by seal()")
        self._items = items

    @property
    def items(self) -> tuple[T, ...]:
        """All of them, in canonical order: for showing the whole set, which needs no choice."""
        return self._items

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Sealed(n={len(self._items)})"


def seal(items: Sequence[T], connection: Closable) -> Sealed[T]:
    """Freeze the items once the connection is closed.

    Raises:
        SelectionError: the connection is still open.
    """
    if connection.is_closed is not True:
        raise SelectionError("the connection is still open", expected="closed before selecting")
    return Sealed(tuple(items), _KEY)


def select(sealed: Sealed[T], choice: Choice) -> T:
    """The user's own item.

    Raises:
        SelectionError: the choice lies outside the items.
    """
    index = choice.reveal()
    items = sealed._items
    if not 0 <= index < len(items):
        raise SelectionError("the choice lies outside the items", expected=f"{len(items)} items")
    return items[index]

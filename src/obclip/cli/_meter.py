"""Keeps the local meter of what clouds that are not this machine's own are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obclip.privacy import Expansion


def remember(server: str, expansion: Expansion) -> None:
    """One line in the local history: attributes, groups and template, never the choice."""
    from obclip.privacy.history import History, disclosure

    History().record(server, disclosure(expansion))

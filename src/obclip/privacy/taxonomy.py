"""Attributes, their closed value spaces and the published groupings.

Protects: the value spaces a candidate set runs over are read here and nowhere else, so they can be
reviewed in one file. Does not protect: which attributes exist is public.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from obclip.errors import TaxonomyError

DATA = Path(__file__).parent / "data"
FILES = (
    "taxonomy.json",
    "lexicon.txt",
    "nationalities.txt",
    "nationality_plurals.txt",
    "names.txt",
    "persons.txt",
    "idioms.txt",
    "classes.txt",
    "words.txt",
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One protected property of a person. ``optional`` values exist only where a profile asks."""

    name: str
    values: tuple[str, ...]
    optional: frozenset[str]
    default: bool
    groupings: dict[str, tuple[tuple[str, ...], ...]]

    def group_of(self, value: str, level: str | None) -> tuple[str, ...]:
        """The values that stand together with ``value`` at a grouping level (None: all of them)."""
        if level is None:
            return self.values
        for group in self.groupings[level]:
            if value in group:
                return group
        raise TaxonomyError("a grouping leaves a value out", got=value, expected=self.values)


def read(name: str) -> str:
    """A data file's text."""
    return (DATA / name).read_text(encoding="utf-8")


def lines(name: str) -> list[str]:
    """A data file's lines without comments."""
    return [line for line in read(name).split("\n") if line and line[0] != "#"]


@cache
def attributes() -> dict[str, Attribute]:
    """The taxonomy, in its declared order (which is the canonical order)."""
    table = json.loads(read("taxonomy.json"))["attributes"]
    return {
        name: Attribute(
            name,
            tuple(row["values"]),
            frozenset(row.get("optional", ())),
            bool(row["default"]),
            {k: tuple(map(tuple, groups)) for k, groups in row["groupings"].items()},
        )
        for name, row in table.items()
    }


@cache
def table_version() -> str:
    """Twelve hex digits that change with any data file; part of every request."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(name.encode() + b"\0" + (DATA / name).read_bytes() + b"\0")
    return digest.hexdigest()[:12]

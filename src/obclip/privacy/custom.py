"""Closed lists of the user's own: cities, brands, diseases, an unreleased product.

Protects: the words of the list. Every value's words stand in one row of one table, checked here
against one another and against the built-in table; then the list is treated like any attribute.
Does not protect: words the list leaves out, and the list itself: a request over it shows all its
values. A product nobody may hear of hides only among products that may be named.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from obclip.errors import TaxonomyError
from obclip.privacy.lexicon import Row, lexicon, words_of
from obclip.privacy.taxonomy import DATA, Attribute, attributes

__all__ = ["CustomAttribute", "examples", "load_custom", "parse_custom"]

Forms = tuple[str, ...]
Groupings = tuple[tuple[str, tuple[Forms, ...]], ...]
KINDS = ("any", "noun", "adj")
MAX_BYTES, MAX_VALUES, MAX_ROWS, MAX_FORM = 262_144, 64, 200, 60
_KEYS = {"name", "values", "protect", "groups", "forms", "rows"}
_ROW_KEYS = {"kind", "plural", "forms"}


@dataclass(frozen=True, slots=True)
class CustomAttribute:
    """A closed list: each of ``rows`` holds one form per value, in the order of ``values``.

    ``kinds`` says for each row how it is read ("any": wherever it stands; "noun": a person noun;
    "adj": only where it describes a person) and whether it is plural; empty means "any", singular.

    Raises:
        TaxonomyError: fewer than two values, a row of another length, a form that stands twice
            here or already stands in the built-in table, a grouping that is not a partition.
    """

    name: str
    values: tuple[str, ...]
    rows: tuple[Forms, ...]
    kinds: tuple[tuple[str, bool], ...] = ()
    groupings: Groupings = ()
    default: bool = True

    def __post_init__(self) -> None:
        name, values = self.name, self.values
        if not name.isidentifier() or name != name.lower() or name in attributes():
            raise _broken(
                "a custom attribute needs a new one-word name", name,
                f"lower case, none of {', '.join(attributes())}",
            )  # fmt: skip
        if not 2 <= len(values) <= MAX_VALUES or len(set(values)) != len(values):
            raise _broken(
                f"{name} is not a closed list of different values",
                f"{len(values)} values, {len(set(values))} of them different",
                f"2 to {MAX_VALUES}, all different",
            )
        if not 1 <= len(self.rows) <= MAX_ROWS:
            raise _broken(f"{name} has no word forms", len(self.rows), f"1 to {MAX_ROWS} rows")
        if not self.kinds:
            object.__setattr__(self, "kinds", (("any", False),) * len(self.rows))
        if len(self.kinds) != len(self.rows):
            raise _broken(f"{name}: one kind per row", len(self.kinds), len(self.rows))
        self._check_forms()
        for level, groups in self.groupings:
            if sorted(value for group in groups for value in group) != sorted(values):
                raise _broken(
                    f"{name}: grouping {level} is not a partition",
                    groups,
                    "each value exactly once",
                )

    def _check_forms(self) -> None:
        seen: dict[tuple[str, ...], str] = {}
        built_in = {
            entry.words: entry.row.name
            for third in (False, True)
            for entries in lexicon(third).first.values()
            for entry in entries
        }
        for row, (kind, _) in zip(self.rows, self.kinds, strict=True):
            if kind not in KINDS:
                raise _broken(f"{self.name}: unknown kind of row", kind, " or ".join(KINDS))
            if len(row) != len(self.values):
                raise _broken(
                    f"a row of {self.name} needs one form per value ({', '.join(row[:3])})",
                    len(row), len(self.values),
                )  # fmt: skip
            for form in row:
                words = words_of(form)
                if not words or form != " ".join(form.split()) or len(form) > MAX_FORM:
                    raise _broken(
                        f"{self.name}: not a word form", repr(form)[:80],
                        f"letters, single spaces, at most {MAX_FORM} characters",
                    )  # fmt: skip
                if words in seen:
                    raise _broken(
                        f"a form of {self.name} stands twice", form, f"apart from {seen[words]}"
                    )
                if words in built_in:
                    raise _broken(
                        f"a form of {self.name} stands in the built-in table", form,
                        f"a word outside its row {built_in[words]}",
                    )  # fmt: skip
                seen[words] = form
            if len({form[0].isupper() for form in row}) > 1:
                raise _broken(
                    f"a row of {self.name} mixes capitals, which tell its members apart",
                    ", ".join(row[:4]), "a capital on all forms or on none",
                )  # fmt: skip

    def attribute(self) -> Attribute:
        """The value space."""
        return Attribute(self.name, self.values, frozenset(), self.default, dict(self.groupings))

    def lexicon_rows(self) -> list[Row]:
        """The rows, in the built-in table's own shape."""
        return [
            Row(
                f"{self.name}:{forms[0]}",
                kind,
                plural,
                (self.name,),
                {(value,): form for value, form in zip(self.values, forms, strict=True)},
            )
            for forms, (kind, plural) in zip(self.rows, self.kinds, strict=True)
        ]


def examples() -> dict[str, Path]:
    """The lists that ship, by name."""
    return {path.stem: path for path in sorted((DATA / "examples").glob("*.toml"))}


def load_custom(path: Path) -> CustomAttribute:
    """A list from a TOML file (see `parse_custom`).

    Raises:
        TaxonomyError: missing, too large, not UTF-8, not TOML, or not a bijection.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise _broken(
            "a custom list cannot be read", f"{path} ({error.strerror})", "a file"
        ) from None
    except UnicodeDecodeError as error:
        raise _broken(
            "a custom list is not UTF-8", f"{path}, byte {error.start}", "UTF-8"
        ) from None
    if len(raw) > MAX_BYTES:
        raise _broken("a custom list is too large", f"{len(raw)} bytes", f"at most {MAX_BYTES}")
    return parse_custom(text, path.name)


def parse_custom(text: str, origin: str = "the list") -> CustomAttribute:
    """A list from TOML text.

    ``name`` and ``values``; then ``forms = [[one per value], ..]``, or ``[[rows]]`` tables with
    ``forms``, ``kind`` and ``plural``, or neither when the values are their own forms; optional
    ``protect`` (true) and ``[groups]`` (level -> list of lists of values).

    Raises:
        TaxonomyError: not TOML, a key unknown, missing or of another type, or not a bijection.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _broken(f"{origin} is not TOML", error, "TOML 1.0") from None
    _known(table, _KEYS, origin)
    name, protect = table.get("name"), table.get("protect", True)
    if not isinstance(name, str) or not isinstance(protect, bool):
        raise _broken(f"{origin} needs a name", repr(name), 'name = "..", protect true or false')
    values = _strings(table.get("values"), f"{origin}, values")
    rows: list[Forms] = []
    kinds: list[tuple[str, bool]] = []
    for row in _list(table.get("forms", []), f"{origin}, forms"):
        rows.append(_strings(row, f"{origin}, forms"))
        kinds.append(("any", False))
    for row in _list(table.get("rows", []), f"{origin}, rows"):
        if not isinstance(row, dict):
            raise _broken(f"{origin}: a row is not a table", repr(row)[:60], "[[rows]]")
        _known(row, _ROW_KEYS, f"{origin}, row {len(rows) + 1}")
        kind, plural = row.get("kind", "any"), row.get("plural", False)
        if not isinstance(kind, str) or not isinstance(plural, bool):
            raise _broken(
                f"{origin}: kind or plural is wrong",
                f"{kind!r}, {plural!r}",
                "a word, a truth value",
            )
        rows.append(_strings(row.get("forms"), f"{origin}, row {len(rows) + 1}"))
        kinds.append((kind, plural))
    groups = table.get("groups", {})
    if not isinstance(groups, dict):
        raise _broken(f"{origin}: groups is not a table", repr(groups)[:60], "[groups]")
    groupings = tuple(
        (level, tuple(_strings(part, f"{origin}, {level}") for part in _list(parts, level)))
        for level, parts in groups.items()
    )
    if not rows:
        rows, kinds = [values], [("any", False)]
    return CustomAttribute(name, values, tuple(rows), tuple(kinds), groupings, protect)


def _list(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise _broken(f"{place} is not a list", repr(value)[:60], "a list")
    return value


def _strings(value: object, place: str) -> Forms:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise _broken(f"{place} is not a list of words", repr(value)[:60], '["..", ".."]')
    return tuple(value)


def _known(table: Mapping[str, object], known: set[str], place: str) -> None:
    for key in table:
        if key not in known:
            raise _broken(f"{place}: unknown key", key, ", ".join(sorted(known)))


def _broken(message: str, got: object, expected: object) -> TaxonomyError:
    return TaxonomyError(
        message,
        code="custom_list",
        got=got,
        expected=expected,
        action="correct the list; nothing was sent",
    )

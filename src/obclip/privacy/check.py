"""Validates the data files: ``python -m obclip.privacy.check``.

Protects: the build fails on a surface form in two rows, a missing cell, a grouping that is not a
partition, or a form that cannot be read back. Does not protect: against a form in the wrong row.
"""

from __future__ import annotations

import sys

from obclip.errors import TaxonomyError
from obclip.privacy import ages
from obclip.privacy.lexicon import lexicon
from obclip.privacy.scan import scan
from obclip.privacy.taxonomy import attributes, table_version
from obclip.privacy.vocabulary import vocabulary


def check() -> dict[str, int]:
    """Read everything; returns counts.

    Raises:
        TaxonomyError: the tables are not a bijection.
    """
    for attribute in attributes().values():
        for level, groups in attribute.groupings.items():
            flat = [value for group in groups for value in group]
            if sorted(flat) != sorted(attribute.values):
                raise TaxonomyError(
                    f"grouping {level} of {attribute.name} is not a partition", got=flat
                )
    forms = 0
    for third in (False, True):
        table = lexicon(third)
        for row in table.rows.values():
            for values, form in row.forms.items():
                units = scan(f"a {form}", table)[1:]  # "a": some forms need a place of a person
                if len(units) != 1 or units[0].row is not row or units[0].values != values:
                    raise TaxonomyError(
                        "a form is not read back as its own cell", got=form, expected=row.name
                    )
                forms += 1
    if len(ages.DECODED) < 4 * 4 * 2:
        raise TaxonomyError("an age word stands in two cells", got=len(ages.DECODED))
    idioms = sum(
        len(whole) for seconds in vocabulary().idioms.values() for whole in seconds.values()
    )
    return {"rows": len(lexicon().rows), "forms": forms, "idioms": idioms}


if __name__ == "__main__":
    try:
        counts = check()
    except TaxonomyError as error:
        sys.exit(f"{error.code}: {error}")
    print(table_version(), counts)

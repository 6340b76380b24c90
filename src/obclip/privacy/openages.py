"""Ages in figures where no pattern of the table reads them: refused, with how to write them.

Protects: "aged 70 man", "25F", "a man pushing 60" and "woman 40+" do not leave in clear. Does not
protect: a number that stands where no age stands.
"""

from __future__ import annotations

import re

from obclip.errors import PromptRefused
from obclip.privacy.judge import PERSON_KINDS
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import Unit
from obclip.privacy.vocabulary import vocabulary

_ABOUT = frozenset(["of", "about", "around", "nearly", "almost", "over", "under", "turning"])
_ENDING = frozenset(["at", "on", "and", "is", "who", "wearing", "holding", "standing", "sitting"])
_NEARING = frozenset(["pushing", "nearing", "approaching", "hitting"])
_SHORT_AGE = re.compile("[1-9][0-9][FM]")


def check_bare_figures(units: list[Unit]) -> None:
    """Refuse "aged 70 man": an age in figures where no pattern of the table reads it."""
    numbers = vocabulary().classes["numbers"]
    for i, unit in enumerate(units):
        after = units[i + 1] if i + 1 < len(units) else Unit(".", False, 0, 0)
        if _short_age(unit, after) or _open_age(units, i, after, numbers):
            raise _refused(unit, 'write it in full ("a woman aged 25")')
        if unit.low.isdigit() and after.low == "+" and i + 2 < len(units):
            after = units[i + 2]  # 60+ woman
            noun = after.row is not None and after.row.kind in PERSON_KINDS
            before = "age" if noun else ""
        else:
            before = units[i - 1].low if i else ""
            noun = after.row is not None and after.row.kind in PERSON_KINDS
        wrong = noun and (
            (unit.figure is not None and unit.figure[0].startswith(("aged", "age")))
            or (unit.low.isdigit() and before in ("aged", "age"))
        )
        if i > 1 and before in _ABOUT and unit.low in numbers:
            who = units[i - 2 - (units[i - 2].low == "of" and i > 2)].row
            closed = after.low in (",", ".", "with", "in", "years") or after.low in _ENDING
            wrong = wrong or (who is not None and who.kind in PERSON_KINDS and closed)
        if wrong:
            raise _refused(unit, 'write it after the person ("a man aged 70") or as "70-year-old"')


def _refused(unit: Unit, way: str) -> PromptRefused:
    said = f"the age {unit.text!r} stands where it cannot be masked"
    return refuse("age_figure", said, unit.text, way)


def _short_age(unit: Unit, after: Unit) -> bool:
    """As in "25F, selfie", "(31M)"."""
    return _SHORT_AGE.fullmatch(unit.text) is not None and not after.low.isalnum()


def _open_age(units: list[Unit], i: int, after: Unit, numbers: frozenset[str]) -> bool:
    """As in "a man pushing 60", "woman 40+", "a 60-plus couple": an age without its end."""
    low = units[i].low
    if not i or not (low in numbers or (low.isdecimal() and len(low) < 4)):
        return False
    row = units[i - 1].row
    if after.low == "+" and row is not None and row.kind in PERSON_KINDS:
        return True
    if after.low == "-" and [unit.low for unit in units[i + 2 : i + 3]] == ["plus"]:
        return True
    before = units[i - 2].row if i > 1 else None
    nearing = units[i - 1].low in _NEARING and before is not None and before.kind in PERSON_KINDS
    return nearing and not after.low.isalpha()

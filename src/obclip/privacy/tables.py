"""The table of one profile: built-in rows and the rows of its custom lists.

Protects: custom lists obey the same bijection as the built-in table. Does not protect: a list's
own content from whoever sees the sets it makes.
"""

from __future__ import annotations

from functools import lru_cache

from obclip.privacy.custom import CustomAttribute
from obclip.privacy.lexicon import Lexicon, Row, build, lexicon
from obclip.privacy.settings import PrivacySettings
from obclip.privacy.things import ORIGIN


def table_for(settings: PrivacySettings) -> Lexicon:
    """The table that a profile's prompts are read with."""
    if not settings.custom:
        return lexicon(settings.third_gender)
    return _with_custom(settings.third_gender, settings.custom)


@lru_cache(maxsize=8)
def _with_custom(third: bool, custom: tuple[CustomAttribute, ...]) -> Lexicon:
    own = [row for attribute in custom for row in attribute.lexicon_rows()]
    places = {f"from {form}".lower() for row in own for form in row.forms.values()}
    rows = [row for row in lexicon(third).rows.values() if not _origin_of(row, places)]
    return build(rows + own)


def _origin_of(row: Row, places: set[str]) -> bool:
    """Whether a row of origins ("from Tokyo") holds a word of a custom list, whose it then is."""
    if not row.name.startswith(ORIGIN):
        return False
    return any(form.lower() in places for form in row.forms.values())

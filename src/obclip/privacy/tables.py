"""The table of one profile: built-in rows and the rows of its custom lists.

Protects: custom lists obey the same bijection as the built-in table. Does not protect: a list's
own content from whoever sees the sets it makes.
"""

from __future__ import annotations

from functools import lru_cache

from obclip.privacy.custom import CustomAttribute
from obclip.privacy.lexicon import Lexicon, build, lexicon
from obclip.privacy.settings import PrivacySettings


def table_for(settings: PrivacySettings) -> Lexicon:
    """The table that a profile's prompts are read with."""
    if not settings.custom:
        return lexicon(settings.third_gender)
    return _with_custom(settings.third_gender, settings.custom)


@lru_cache(maxsize=8)
def _with_custom(third: bool, custom: tuple[CustomAttribute, ...]) -> Lexicon:
    rows = list(lexicon(third).rows.values())
    for attribute in custom:
        rows += attribute.lexicon_rows()
    return build(rows)

"""The one way out for a prompt as it is: an explicit wish to have no privacy.

Protects: nothing, and says so by its name; no setting of a profile leads here. Does not protect:
the prompt.
"""

from __future__ import annotations

from obclip.privacy.candidates import CandidateSet, Expansion
from obclip.privacy.choice import Choice
from obclip.privacy.taxonomy import table_version


def unprotected(prompt: str, negative: str | None = None) -> Expansion:
    """A set of one: the prompt word for word, for ``--no-privacy`` and for baselines."""
    return Expansion(
        candidates=CandidateSet(
            prompts=(prompt,),
            negatives=(negative,) if negative else (),
            attributes=(),
            table_version=table_version(),
        ),
        choice=Choice(0),
        normalised=prompt,
        normalised_negative=negative,
        mentions=(),
        clear=(),
    )

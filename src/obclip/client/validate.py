"""The one predicate that every latent of an answer must pass, whichever is the user's.

Protects: a server that spoils one candidate learns nothing from the device's reaction, since
the verdict is on the whole answer and the reaction is the same whichever candidate is bad.
Does not protect: plausible garbage, to which a *person* may react (docs/privacy.md).
"""

from __future__ import annotations

import numpy as np

from obclip.errors import AnswerInvalid
from obclip.protocol.codec import Latents

#: Honest latents of any step are within a few tens of standard deviations of zero.
MAX_ABSOLUTE = 200.0


def validate(latents: Latents) -> None:
    """Judges all latents (images, n, channels, h, w) at once.

    Raises:
        AnswerInvalid: some value is not finite or far out of range. Says not which.
    """
    wide = latents.astype(np.float32)
    if not (np.isfinite(wide).all() and bool((np.abs(wide) <= MAX_ABSOLUTE).all())):
        raise AnswerInvalid(
            "the answer holds impossible values", got="values that no honest run gives",
            expected=f"finite values up to {MAX_ABSOLUTE:g}",
            action="the whole answer was dropped; try again or use --device-only",
        )  # fmt: skip

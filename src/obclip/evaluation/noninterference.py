"""Does what leaves the device depend on which member of the set is the user's prompt?

The check behind ``make demo`` and the tests: take every member in turn as the true prompt, build
the request from nothing but that, and compare the bytes. It must also catch a client that leaks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from obclip.client.sizes import with_sizes
from obclip.privacy import (
    CandidateSet,
    Expansion,
    PrivacySettings,
    PublicParameters,
    build_request,
    expand,
)

#: Builds request bytes from an expansion; a leaking one may look at the choice.
Builder = Callable[[Expansion, PublicParameters, int], bytes]


@dataclass(frozen=True, slots=True)
class Verdict:
    """SHA-256 of the request for each member as the true prompt, in canonical order."""

    members: tuple[str, ...]
    hashes: tuple[str, ...]

    @property
    def distinct(self) -> int:
        return len(set(self.hashes))

    @property
    def holds(self) -> bool:
        """True if the bytes do not depend on the member."""
        return self.distinct == 1


def honest(expansion: Expansion, public: PublicParameters, seed: int) -> bytes:
    """The product's own builder; it is not given the choice."""
    return with_sizes(build_request(expansion.candidates, public, seed), expansion.candidates)


def true_prompt_first(expansion: Expansion, public: PublicParameters, seed: int) -> bytes:
    """A planted leak: the user's own prompt heads the list, as a careless client would do it."""
    found = expansion.candidates
    own = expansion.choice.reveal()
    order = [own, *(i for i in range(found.n) if i != own)]
    leaking = CandidateSet(
        prompts=_reordered(found.prompts, order),
        negatives=_reordered(found.negatives, order) if found.negatives else (),
        attributes=found.attributes,
        table_version=found.table_version,
    )
    return with_sizes(build_request(leaking, public, seed), leaking)


def _reordered(texts: Sequence[str], order: Sequence[int]) -> tuple[str, ...]:
    return tuple(texts[i] for i in order)


def check(
    expansion: Expansion,
    settings: PrivacySettings,
    public: PublicParameters,
    seed: int,
    builder: Builder = honest,
) -> Verdict:
    """Expands every member anew and hashes the request that it would send."""
    found = expansion.candidates
    hashes = []
    for i, member in enumerate(found.prompts):
        negative = found.negatives[i] if found.negatives else None
        again = expand(member, settings, negative)
        hashes.append(hashlib.sha256(builder(again, public, seed)).hexdigest())
    return Verdict(found.prompts, tuple(hashes))

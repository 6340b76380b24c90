"""Says in the request how many values each attribute of the set has, so that a plan can branch.

Protects: the counts are read off the candidate set, which is the same whichever member is the
user's prompt, and from nothing else. Does not protect: the counts themselves, which the cloud
could read off the set.
"""

from __future__ import annotations

from math import prod

import msgspec

from obclip.privacy import CandidateSet
from obclip.protocol.codec import decode_request, encode_request


def sizes_of(candidates: CandidateSet) -> tuple[int, ...]:
    """Value counts of the attributes that vary, in canonical order: the last changes fastest.

    Empty for a set that is not the whole product of its attributes' values.
    """
    sizes = tuple(len(a.values) for a in candidates.attributes if len(a.values) > 1)
    return sizes if sizes and prod(sizes) == candidates.n else ()


def with_sizes(request: bytes, candidates: CandidateSet) -> bytes:
    """The same request, with the counts of its own set. Sees the set, not the choice.

    Raises:
        RequestError: a request that the wire contract refuses: it does not leave.
    """
    read = decode_request(request)
    sized = encode_request(msgspec.structs.replace(read, sizes=sizes_of(candidates)))
    decode_request(sized)
    return sized

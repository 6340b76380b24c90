"""The request: canonical bytes of the candidate set and the public parameters, and nothing else.

Protects: non-interference. The builder takes no choice, so for equal public parameters and seed the
bytes are the same whichever member is the user's prompt. Does not protect: the set and the
parameters themselves, which the cloud reads.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from obclip.errors import RequestError
from obclip.privacy.candidates import CandidateSet

VERSION = 1
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PublicParameters:
    """What a profile fixes and the cloud may know. ``images`` is how many pictures of each prompt.

    Raises:
        RequestError: a number outside its bounds.
    """

    model: str
    plan: str
    steps: int
    split: int
    guidance: float
    scheduler: str
    height: int
    width: int
    images: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.split <= self.steps or self.steps < 1:
            raise RequestError(
                "split out of range", got=self.split, expected=f"0 to {self.steps} (steps)"
            )
        for name in ("height", "width", "images"):
            if getattr(self, name) < 1:
                raise RequestError(
                    f"{name} out of range", got=getattr(self, name), expected="at least 1"
                )
        if not 0.0 <= self.guidance < float("inf"):
            raise RequestError("guidance out of range", got=self.guidance, expected="0 or more")


def build_request(candidates: CandidateSet, public: PublicParameters, seed: int) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8.

    Raises:
        RequestError: the set names attributes but has one member only; a seed outside 63 bits.
    """
    if not candidates.prompts:
        raise RequestError("the candidate set is empty")
    if candidates.attributes and candidates.n < 2:
        raise RequestError(
            "a prompt with protected mentions may not leave alone",
            got="N = 1",
            action="choose a coarser grouping, or ask for it openly with --no-privacy",
        )
    if candidates.negatives and len(candidates.negatives) != candidates.n:
        raise RequestError(
            "negatives are not aligned", got=len(candidates.negatives), expected=candidates.n
        )
    if not 0 <= seed <= MAX_SEED:
        raise RequestError("seed out of range", expected="0 to 2**63 - 1")
    body: dict[str, object] = {
        "version": VERSION,
        **asdict(public),
        "guidance": float(public.guidance),
        "seed": seed,
        "prompts": list(candidates.prompts),
        "table_version": candidates.table_version,
    }
    if candidates.negatives:
        body["negatives"] = list(candidates.negatives)
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def request_hash(request: bytes) -> str:
    """What a result cache on the device is keyed by: SHA-256 of the bytes, in hex."""
    return hashlib.sha256(request).hexdigest()

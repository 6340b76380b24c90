"""The rows of the comparison: every method, and what it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from obclip.cloud.planner import NAMED
from obclip.diffusion.pairs import Pair
from obclip.errors import RequestError
from obclip.evaluation.peers.dp import EPSILONS, KINDS


@dataclass(frozen=True, slots=True)
class Row:
    """One method.

    Attributes:
        name: as told on the command line and in work files.
        title: as printed.
        method: what draws it (``draw.py``).
        plan: of an oblivious row.
        splits: whether k matters; rows without it are drawn once for each N.
        private: whether the prompt's protected values stay on the device.
        share: share of the prompts it is drawn on; peers that cost much get fewer.
        epsilon: of a row with differential privacy.
    """

    name: str
    title: str
    method: str
    plan: str = "exact"
    splits: bool = False
    private: bool = False
    share: float = 1.0
    epsilon: float | None = None

    def fits(self, pair: Pair) -> bool:
        """Whether the pair can be drawn by it: HE-Diffusion's update is DDIM's, which a cloud that
        steps in its own way does not take.
        """
        return self.method != "he-diffusion" or pair.cloud_steps is None

    def splits_of(self, pair: Pair, ks: Sequence[int]) -> Sequence[int]:
        """The splits it is drawn at: 0 where k does not matter, the pair's own where it has one."""
        if not self.splits:
            return (0,)
        return tuple(ks) if pair.cloud_steps is None else (pair.cloud_steps.split,)


def recipes() -> str:
    """A digest of each named plan's recipe: pictures of another recipe are not mixed in."""
    digests = {name: sha256(repr(made).encode()).hexdigest()[:8] for name, made in NAMED.items()}
    return ", ".join(f"{name} {digest}" for name, digest in digests.items())


def _dp(kind: str, epsilon: float) -> Row:
    return Row(
        f"{kind}-{epsilon:g}", f"{kind.upper()}-like, epsilon {epsilon:g}", kind, private=True,
        share=0.5, epsilon=epsilon,
    )  # fmt: skip


ROWS: tuple[Row, ...] = (
    Row("cloud-only", "Cloud only", "cloud-only"),
    Row("device-only", "Device only", "device-only", private=True),
    Row("vanilla", "Vanilla oblivious generation", "vanilla", private=True, share=0.25),
    Row("hybrid", "Hybrid SD", "hybrid", splits=True),
    Row("obclip", "ObCLIP", "oblivious", "exact", splits=True, private=True),
    Row("obclip+cache", "  + cache", "oblivious", "paper-cache", splits=True, private=True),
    Row("obclip+reuse", "  + reuse", "oblivious", "paper-reuse", splits=True, private=True),
    *(
        Row(name, f"ObCLIP, our plan {name}", "oblivious", name, splits=True, private=True)
        for name in NAMED
        if name not in ("exact", "paper-cache", "paper-reuse")
    ),
    Row("substitution", "Random substitution", "substitution", "exact", True, True, 0.5),
    Row("he-diffusion", "HE-Diffusion (CKKS)", "he-diffusion", share=0.1),
    *(_dp(kind, epsilon) for kind in KINDS for epsilon in EPSILONS),
)  # fmt: skip


def chosen(names: str | None) -> tuple[Row, ...]:
    """Rows by comma-separated names; all of them for None.

    Raises:
        RequestError: an unknown name.
    """
    if names is None:
        return ROWS
    known = {row.name: row for row in ROWS}
    out = []
    for name in (part.strip() for part in names.split(",")):
        if name not in known:
            raise RequestError(
                "unknown method", code="bad_method", got=name, expected=", ".join(known)
            )
        out.append(known[name])
    return tuple(dict.fromkeys(out))

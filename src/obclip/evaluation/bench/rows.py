"""The rows of the comparison: every method, and what it depends on."""

from __future__ import annotations

from dataclasses import dataclass

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
    Row("balanced", "ObCLIP, our plan balanced", "oblivious", "balanced", True, True),
    Row("fast", "ObCLIP, our plan fast", "oblivious", "fast", True, True),
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
    return tuple(out)

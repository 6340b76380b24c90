"""Named plans: from (name, N, T, k) to a table. Knows no torch and no prompt."""

from __future__ import annotations

from collections.abc import Callable

from obclip.cloud.plan import Cell, Plan
from obclip.errors import PlanError

Maker = Callable[[int, int], tuple[tuple[Cell, ...], ...]]


def _exact(n: int, split: int) -> tuple[tuple[Cell, ...], ...]:
    return ((Cell.FULL,) * split,) * n


#: name -> its table for n candidates and a split of k.
NAMED: dict[str, Maker] = {"exact": _exact}


def make_plan(name: str, n: int, steps: int, split: int) -> Plan:
    """The plan called ``name`` for ``n`` candidates, ``split`` of ``steps`` steps on the cloud.

    Raises:
        PlanError: unknown name, n below 1, steps below 1, or split outside 0..steps.
    """
    if name not in NAMED:
        raise PlanError("unknown plan", code="unknown_plan", got=name, expected=" or ".join(NAMED))
    for field, value in (("n", n), ("steps", steps)):
        if value < 1:
            raise PlanError(
                f"{field} out of range", code=f"bad_{field}", got=value, expected="1 or more"
            )
    if not 0 <= split <= steps:
        raise PlanError(
            "split out of range", code="bad_split", got=split,
            expected=f"0 to the number of steps ({steps})",
        )  # fmt: skip
    return Plan(name, n, steps, split, NAMED[name](n, split))

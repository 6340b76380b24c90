"""A plan as plain data: candidates down, steps across, one cell a (candidate, step).

Says for each cell what is computed, shared or reused. Depends on the size of the set, never on
the choice. Knows no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from obclip.errors import PlanError


class Cell(Enum):
    """What one candidate costs in one step. The value is its mark in pictures."""

    FULL = "F"  # conditional and unconditional pass, both of its own


@dataclass(frozen=True, slots=True)
class Plan:
    """``cells[candidate][step]`` for steps [0, split) of ``steps``.

    Attributes:
        name: the public name it was made under.
        n: candidates. steps: T. split: k, the steps that the cloud runs.
    """

    name: str
    n: int
    steps: int
    split: int
    cells: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if not 0 <= self.split <= self.steps:
            raise PlanError(
                "split out of range", code="bad_split", got=self.split,
                expected=f"0 to the number of steps ({self.steps})",
            )  # fmt: skip
        if len(self.cells) != self.n or any(len(row) != self.split for row in self.cells):
            raise PlanError(
                "the table has the wrong shape", code="bad_plan",
                got=f"{len(self.cells)} rows", expected=f"{self.n} rows of {self.split} cells",
            )  # fmt: skip

    def count(self, cell: Cell) -> int:
        """How many cells are of this kind."""
        return sum(row.count(cell) for row in self.cells)

    def picture(self) -> str:
        """The table as text, a line a candidate; steps left to the device are dots."""
        rest = "." * (self.steps - self.split)
        return "\n".join("".join(cell.value for cell in row) + rest for row in self.cells)

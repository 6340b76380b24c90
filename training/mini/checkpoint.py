"""Wall-clock budgets that survive interruption.

A stage is given minutes, not steps: ``Clock`` counts the seconds it has really trained, writes
a checkpoint every few minutes and takes both up again when it is started once more.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

SAVE_EVERY_SECONDS = 180
#: A step that took longer was interrupted (a paused process, a sleeping machine).
LONGEST_STEP_SECONDS = 15.0


class Clock:
    """Training time of one stage, and its checkpoint file."""

    def __init__(self, file: Path, budget_seconds: float) -> None:
        self.file, self.budget = file, budget_seconds
        self.step, self.trained = 0, 0.0
        self._parts: dict[str, Any] = {}
        self._last = self._saved = time.monotonic()

    @property
    def share(self) -> float:
        """Part of the budget used, 0 to 1."""
        return min(1.0, self.trained / self.budget)

    @property
    def finished(self) -> bool:
        return self.trained >= self.budget

    def resume(self, parts: dict[str, Any]) -> None:
        """Names what is saved; loads it if there is a checkpoint."""
        self._parts = parts
        if not self.file.exists():
            return
        saved = torch.load(self.file, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        self.step, self.trained = saved["step"], saved["trained"]
        self.log(f"resumed after {self.trained / 60:.1f} minutes")

    def tick(self) -> None:
        now = time.monotonic()
        self.trained += min(now - self._last, LONGEST_STEP_SECONDS)
        self._last = now
        self.step += 1

    def save(self, file: Path | None = None) -> None:
        """Writes the checkpoint through a temporary file, so that none is ever half-written."""
        target = file or self.file
        part = target.with_suffix(".part")
        state = {name: p.state_dict() for name, p in self._parts.items()}
        torch.save({**state, "step": self.step, "trained": self.trained}, part)
        part.replace(target)
        self._saved = time.monotonic()

    def maybe_save(self) -> None:
        if time.monotonic() - self._saved > SAVE_EVERY_SECONDS:
            self.save()

    def log(self, text: str) -> None:
        print(
            f"{self.file.stem} {self.trained / 60:7.2f} min step {self.step:6d} {text}", flush=True
        )

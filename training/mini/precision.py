"""Where the trainings compute in bf16."""

from __future__ import annotations

import torch


def fast(place: torch.device, *, enabled: bool | None = None) -> torch.autocast:
    """Autocast to bf16 on CUDA, where it pays; elsewhere only if ``enabled``."""
    wanted = place.type == "cuda" if enabled is None else enabled
    return torch.autocast(place.type, torch.bfloat16, enabled=wanted)

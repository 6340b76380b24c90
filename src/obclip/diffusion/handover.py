"""Where the device goes on when it does not step as the cloud does: the timestep shift.

A latent is defined by its timestep, not by the number of its step. The paper's LCM pair (4 of 8 LCM
steps, then the device's steps from the 12th of 25) gives t_device = t_cloud + 8 for these numbers;
the rule behind it holds for any: the device begins at its step with the nearest timestep.
"""

from __future__ import annotations

from collections.abc import Sequence

from obclip.errors import RequestError


def start_of(cloud: Sequence[float], split: int, device: Sequence[float]) -> int:
    """The device's first step for latents that have ``split`` of the cloud's steps behind them.

    Args:
        cloud, device: timesteps of each side, descending.

    Returns:
        0 to ``len(device)``; all of them when the cloud has finished.

    Raises:
        RequestError: a split outside the cloud's steps.
    """
    if not 0 <= split <= len(cloud):
        raise RequestError(
            "split out of range", code="bad_split", got=split, expected=f"0 to {len(cloud)}"
        )
    if split == 0:
        return 0
    if split == len(cloud):
        return len(device)
    at = float(cloud[split])
    return min(range(len(device)), key=lambda i: abs(float(device[i]) - at))

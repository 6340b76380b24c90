"""How the cloud steps, and where the device goes on.

Most pairs step alike: the device's first step is the cloud's last plus one. A distilled cloud
(LCM) has steps of its own, and the device goes on at its nearest timestep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obclip.client.profile import Public
from obclip.diffusion.pairs import Pair, Steps, find
from obclip.errors import ModelError
from obclip.protocol.messages import ModelInfo

if TYPE_CHECKING:
    from obclip.client.device import Device, Sampling
    from obclip.privacy.request import PublicParameters


def cloud_steps(public: Public, pair: Pair | None = None) -> Steps:
    """Scheduler, T and k of the cloud's part, all public.

    Args:
        pair: ``public.pair`` if it has been looked up.
    """
    own = (pair or find(public.pair)).cloud_steps
    return own or Steps(public.scheduler, public.steps, public.split)


def check_steps(pair: Pair, cloud: ModelInfo) -> None:
    """Raises ModelError unless the cloud steps as this pair's device expects."""
    ours, theirs = pair.cloud_steps, cloud.cloud_steps
    told = None if theirs is None else Steps(theirs.scheduler, theirs.steps, theirs.split)
    if told != ours:
        raise ModelError(
            "the cloud does not step as this pair does", code="not_a_pair", got=_said(told),
            expected=_said(ours), action="choose the cloud's own --pair",
        )  # fmt: skip


def _said(own: Steps | None) -> str:
    if own is None:
        return "the device's own steps"
    return f"{own.split} of {own.steps} {own.scheduler} steps"


def device_start(asked: PublicParameters, sampling: Sampling, device: Device) -> int:
    """The device's first step for latents that were drawn as ``asked``."""
    if (asked.scheduler, asked.steps) == (sampling.scheduler, sampling.steps):
        return asked.split
    from obclip.diffusion.handover import start_of
    from obclip.diffusion.sampling import make_scheduler

    config = device.parts.scheduler_config  # a pair has one noise schedule
    cloud, mine = (
        make_scheduler(s.scheduler, config, s.steps).timesteps.tolist() for s in (asked, sampling)
    )
    return start_of(cloud, asked.split, mine)

"""A network moved to another schedule makes of equal noise what it made before."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from training.mini import reschedule
from training.mini.denoiser import schedule, unet
from training.mini.export import TARGET


def _other() -> DDPMScheduler:
    return DDPMScheduler.from_config(
        {**schedule().config, "beta_start": 0.00085, "beta_end": 0.012}
    )


def test_a_schedule_is_its_own_match() -> None:
    same = reschedule.same_noise(schedule(), schedule())
    torch.testing.assert_close(same, torch.arange(1000).double())


def test_matched_timesteps_hold_the_same_noise() -> None:
    old, new = _other(), schedule()
    found = reschedule.same_noise(old, new)
    assert bool((found.diff() >= 0).all())
    inside = (found > 1) & (found < 998)
    near = old.alphas_cumprod[found.round().long()]
    apart = (near.logit() - new.alphas_cumprod.logit()).abs()[inside]
    assert float(apart.max()) < 0.5  # half a timestep of the old schedule, at its steepest
    assert float(apart.median()) < 0.01


def test_a_moved_network_predicts_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reschedule, "ROUNDS", 1000)  # enough to tell right from wrong
    monkeypatch.setattr(reschedule, "TOLERANCE", 5e-3)
    net = UNet2DConditionModel.from_pretrained(TARGET / "cloud" / "unet", low_cpu_mem_usage=False)
    net = net.float()
    old, new = schedule(), _other()
    before = reschedule.same_noise(old, new)
    g = torch.Generator().manual_seed(1)
    x, states = torch.randn(2, 8, 16, 16, generator=g), torch.randn(2, 48, 192, generator=g)

    def predictions(timesteps: list[float]) -> torch.Tensor:
        with torch.no_grad():
            return torch.cat([net(x, torch.tensor(t), states).sample for t in timesteps])

    wanted = predictions([float(before[t]) for t in (39, 599, 919)])
    unmoved = predictions([39, 599, 919])
    reschedule.move(net, old, new)
    got = predictions([39, 599, 919])
    assert (got - wanted).square().mean() < 0.01 * (unmoved - wanted).square().mean()


def test_a_bad_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reschedule, "ROUNDS", 1)
    with pytest.raises(ValueError, match="time embedding fitted to"):
        reschedule.move(unet((32, 64, 64), 4), _other(), schedule())

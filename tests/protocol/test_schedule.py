"""Two models are a pair only if they were trained on one noise schedule."""

from __future__ import annotations

import pytest

from obclip.errors import ModelError
from obclip.protocol.schedule import NoiseSchedule
from tests.tiny import SCHEDULER


def test_equal_configs_do_not_differ() -> None:
    assert NoiseSchedule.of(SCHEDULER).differences(NoiseSchedule.of(SCHEDULER)) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"beta_end": 0.02},
        {"prediction_type": "v_prediction"},
        {"beta_schedule": "linear"},
        {"num_train_timesteps": 500},
        {"rescale_betas_zero_snr": True},
    ],
)
def test_another_training_schedule_is_named(change: dict[str, object]) -> None:
    other = NoiseSchedule.of({**SCHEDULER, **change})
    (problem,) = NoiseSchedule.of(SCHEDULER).differences(other)
    assert next(iter(change)) in problem


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ModelError, match="beta_start"):
        NoiseSchedule.of({"num_train_timesteps": 1000})

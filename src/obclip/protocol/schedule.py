"""The noise schedule two models must share to be a pair, as plain numbers.

The server publishes its own; a device whose model was trained on another refuses to finish the
cloud's latents, since they would carry another amount of noise than it believes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from obclip.errors import ModelError

_FIELDS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "prediction_type",
    "rescale_betas_zero_snr",
)


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """Training schedule of a latent diffusion model (names as in diffusers' configs).

    ``timestep_spacing`` and ``steps_offset`` choose the T inference steps out of it.
    """

    num_train_timesteps: int
    beta_start: float
    beta_end: float
    beta_schedule: str
    prediction_type: str
    rescale_betas_zero_snr: bool
    timestep_spacing: str
    steps_offset: int

    @staticmethod
    def of(config: Mapping[str, Any]) -> NoiseSchedule:
        """Reads a diffusers scheduler config.

        Raises:
            ModelError: a field is missing or no number; old configs default as diffusers does.
        """
        try:
            return NoiseSchedule(
                num_train_timesteps=int(config["num_train_timesteps"]),
                beta_start=float(config["beta_start"]),
                beta_end=float(config["beta_end"]),
                beta_schedule=str(config["beta_schedule"]),
                prediction_type=str(config.get("prediction_type", "epsilon")),
                rescale_betas_zero_snr=bool(config.get("rescale_betas_zero_snr", False)),
                timestep_spacing=str(config.get("timestep_spacing", "leading")),
                steps_offset=int(config.get("steps_offset", 0)),
            )
        except KeyError as error:
            raise ModelError(
                "scheduler config lacks a field", got="nothing", expected=str(error.args[0])
            ) from None
        except (TypeError, ValueError) as error:
            raise ModelError(
                "scheduler config holds no number", got=str(error), expected="numbers as diffusers'"
            ) from None

    def differences(self, other: NoiseSchedule) -> tuple[str, ...]:
        """The fields of the training schedule in which two models differ, in words."""
        return tuple(
            f"{name}: {getattr(self, name)} and {getattr(other, name)}"
            for name in _FIELDS
            if getattr(self, name) != getattr(other, name)
        )

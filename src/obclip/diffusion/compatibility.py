"""Whether two models make a pair, from their configs alone: no weights, no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from obclip.diffusion.pairs import Source
from obclip.errors import ModelError
from obclip.protocol.schedule import NoiseSchedule


@dataclass(frozen=True, slots=True)
class Facts:
    """What must agree between a cloud model and a device model, and their sizes in words."""

    location: str
    family: str
    latent_channels: int
    latent_factor: int
    scaling_factor: float
    schedule: NoiseSchedule
    widths: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        values = asdict(self)
        values.update(values.pop("schedule"))
        return values


def read_facts(source: Source) -> Facts:
    """Facts of a model from its config files; those of a hub model need a download.

    Raises:
        ModelError: missing, or not in diffusers format.
    """
    from obclip.diffusion.loading import latent_factor, read_json, snapshot

    folder = snapshot(source)
    index = read_json(folder / "model_index.json")
    unet = read_json(folder / "unet" / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    try:
        return Facts(
            location=source.location,
            family=str(index["_class_name"]),
            latent_channels=int(unet["in_channels"]),
            latent_factor=latent_factor(vae),
            scaling_factor=float(vae.get("scaling_factor", 0.18215)),
            schedule=NoiseSchedule.of(read_json(folder / "scheduler" / "scheduler_config.json")),
            widths=tuple(unet["block_out_channels"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            "a config of the model lacks a field", code="bad_model",
            got=f"{error} in {source.location}",
        ) from None  # fmt: skip


def problems(cloud: Facts, device: Facts) -> tuple[str, ...]:
    """Why the two are not a pair, in words; empty if they are one."""
    found = [
        f"{name}: {getattr(cloud, name)} and {getattr(device, name)}"
        for name in ("latent_channels", "latent_factor", "scaling_factor")
        if getattr(cloud, name) != getattr(device, name)
    ]
    return (*found, *cloud.schedule.differences(device.schedule))

"""Whether two models make a pair, from their configs alone: no weights, no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from obclip.diffusion.folder import latent_factor, layout, read_json
from obclip.diffusion.pairs import Pair, Source
from obclip.errors import ModelError, RequestError
from obclip.protocol.schedule import NoiseSchedule


@dataclass(frozen=True, slots=True)
class Facts:
    """What must agree between a cloud model and a device model, and their sizes in words.

    ``takes_weight`` is true of a distilled UNet that takes a guidance weight as an input.
    """

    location: str
    family: str
    latent_channels: int
    latent_factor: int
    scaling_factor: float
    schedule: NoiseSchedule
    widths: tuple[int, ...]
    side: int
    takes_weight: bool = False

    @property
    def size_step(self) -> int:
        """Pixels: every side of a picture is a multiple of this."""
        return self.latent_factor * int(2 ** (len(self.widths) - 1))

    def as_dict(self) -> dict[str, Any]:
        values = asdict(self)
        values.update(values.pop("schedule"))
        return values


def read_facts(source: Source) -> Facts:
    """Facts of a model from its config files; those of a hub model need a download.

    Raises:
        ModelError: missing, or not in diffusers format.
    """
    places = layout(source)
    folder = places.root
    index = read_json(folder / "model_index.json")
    unet = read_json(places.unet / "config.json")
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
            side=int(unet["sample_size"]) * latent_factor(vae),
            takes_weight=unet.get("time_cond_proj_dim") is not None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            "a config of the model lacks a field", code="bad_model",
            got=f"{error} in {source.location}",
        ) from None  # fmt: skip


class Public(Protocol):
    """What either side tells of its model: facts of a folder, or a cloud's public parameters."""

    @property
    def latent_channels(self) -> int: ...
    @property
    def latent_factor(self) -> int: ...
    @property
    def scaling_factor(self) -> float: ...
    @property
    def schedule(self) -> NoiseSchedule: ...


#: What goes wrong when a fact differs, for those who do not know it by heart.
_WHY = {
    "latent_channels": "the latents have another shape",
    "latent_factor": "a latent cell covers another number of pixels",
    "scaling_factor": "the latents have another size, so other autoencoders",
    "prediction_type": "one predicts noise, the other something else",
    "rescale_betas_zero_snr": "one begins at pure noise, the other does not",
    "num_train_timesteps": "a timestep means another amount of noise",
    "beta_start": "a timestep means another amount of noise",
    "beta_end": "a timestep means another amount of noise",
    "beta_schedule": "a timestep means another amount of noise",
}


def problems(cloud: Public, device: Public) -> tuple[str, ...]:
    """Why the two are not a pair, in words; empty if they are one."""
    found = [
        f"{name}: {getattr(cloud, name)} and {getattr(device, name)}"
        for name in ("latent_channels", "latent_factor", "scaling_factor")
        if getattr(cloud, name) != getattr(device, name)
    ]
    found += cloud.schedule.differences(device.schedule)
    return tuple(f"{text} ({_WHY[text.partition(':')[0]]})" for text in found)


def unsaid(pair: Pair, takes_weight: bool) -> tuple[str, ...]:
    """What a distilled cloud needs and the pair does not say, in words.

    Args:
        takes_weight: whether the cloud's UNet takes a guidance weight as an input.
    """
    if not takes_weight:
        return () if pair.cloud.guidance is None else ("@guidance of a cloud that takes none",)
    wanted = {"@guidance=8": pair.cloud.guidance, "@lcm=8/4": pair.cloud_steps}
    return tuple(
        f"a distilled cloud without {option}" for option, value in wanted.items() if value is None
    )


def check_device(device: Facts) -> None:
    """Raises ModelError for a distilled device model: it has steps of its own."""
    if device.takes_weight:
        raise ModelError(
            "a distilled model cannot finish another's latents", code="distilled_device",
            got=device.location, expected="it as the cloud, an ordinary model as the device",
            action="name the pair as CLOUD,DEVICE",
        )  # fmt: skip


def check_pair(cloud: Public, device: Public) -> None:
    """Raises ModelError unless the device model can finish the cloud model's latents."""
    found = problems(cloud, device)
    if found:
        raise ModelError(
            "device and cloud model do not make a pair", code="not_a_pair", got="; ".join(found),
            expected="one latent space and one noise schedule",
            action="choose the cloud's own --pair",
        )  # fmt: skip


def check_size(height: int, width: int, step: int) -> None:
    """Raises RequestError for a picture size (pixels) that is no multiple of ``step``."""
    for name, value in (("height", height), ("width", width)):
        if value < step or value % step:
            raise RequestError(
                f"{name} does not fit the model", code=f"bad_{name}", got=value,
                expected=f"a multiple of {step}",
            )  # fmt: skip

"""The known pairs: which cloud model and which device model share a latent space. No torch.

Figures and licences are the publishers' own (model cards on the hub, read for this table).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from obclip.errors import ModelError

BUNDLED = Path(__file__).resolve().parent.parent / "models" / "mini"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one model is: a folder in diffusers format, or a hub id with its revision."""

    location: str
    revision: str | None = None
    licence: str = ""

    @property
    def folder(self) -> Path | None:
        """The folder if ``location`` is one on this machine."""
        path = Path(self.location).expanduser()
        return path if path.is_dir() else None


@dataclass(frozen=True, slots=True)
class Pair:
    """A cloud model and a device model with one latent space and one noise schedule.

    ``guidance`` and ``side`` (pixels) are the values the pair is used with unless told.
    """

    name: str
    cloud: Source
    device: Source
    guidance: float = 7.5
    side: int = 512
    note: str = ""


_OPENRAIL = "CreativeML Open RAIL-M"
_OPENRAILPP = "CreativeML Open RAIL++-M"

PAIRS: dict[str, Pair] = {
    pair.name: pair
    for pair in (
        Pair(
            "mini",
            Source(str(BUNDLED / "cloud"), licence="Apache-2.0"),
            Source(str(BUNDLED / "device"), licence="Apache-2.0"),
            guidance=2.5,
            side=128,
            note="bundled; people emoji, 128 px",
        ),
        Pair(
            "rv4+small-sd",
            Source("SG161222/Realistic_Vision_V4.0_noVAE", licence=_OPENRAIL),
            Source("segmind/small-sd", licence=_OPENRAIL),
            note="the paper's main pair",
        ),
        Pair(
            "sd-v1.4+bk-sdm-small",
            Source("CompVis/stable-diffusion-v1-4", licence=_OPENRAIL),
            Source("nota-ai/bk-sdm-small", licence=_OPENRAIL),
        ),
        Pair(
            "sd-v1.4+bk-sdm-tiny",
            Source("CompVis/stable-diffusion-v1-4", licence=_OPENRAIL),
            Source("nota-ai/bk-sdm-tiny", licence=_OPENRAIL),
        ),
        Pair(
            "sdxl+koala-700m",
            Source("stabilityai/stable-diffusion-xl-base-1.0", licence=_OPENRAILPP),
            Source("etri-vilab/koala-700m", licence=_OPENRAILPP),
            side=1024,
        ),
        Pair(
            "lcm-sdxl+koala-700m",
            Source("latent-consistency/lcm-sdxl", licence=_OPENRAILPP),
            Source("etri-vilab/koala-700m", licence=_OPENRAILPP),
            guidance=8.0,
            side=1024,
            note="8 steps; the two models step differently (timestep shift)",
        ),
    )
}


def find(name: str) -> Pair:
    """The pair called ``name``, or ``CLOUD,DEVICE`` as folders or hub ids.

    Raises:
        ModelError: neither a known name nor two locations.
    """
    if name in PAIRS:
        return PAIRS[name]
    cloud, comma, device = name.partition(",")
    if not comma or not cloud.strip() or not device.strip() or "," in device:
        raise ModelError(
            "unknown pair", code="unknown_pair", got=name,
            expected=f"one of {', '.join(PAIRS)}, or CLOUD,DEVICE as folders or hub ids",
        )  # fmt: skip
    return Pair(name, Source(cloud.strip()), Source(device.strip()))

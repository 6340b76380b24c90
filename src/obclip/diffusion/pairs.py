"""The known pairs: which cloud model and which device model share a latent space. No torch.

Hub ids and licences are as the publishers' model cards give them; a test holds every count of
parameters against the exact architecture. A revision stands here only where it was read in public
sources; the others follow the branch ``main``, and ``obclip models list`` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from obclip.errors import ModelError

#: What such a model was distilled for at most (diffusers' ``original_inference_steps``).
MAX_LCM_STEPS = 50

BUNDLED = Path(__file__).resolve().parent.parent / "models" / "mini"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one model is: a folder in diffusers format, a hub id, or a single ``.safetensors``.

    Attributes:
        location: folder, hub id or file.
        revision: commit of a hub id; None follows the branch ``main``.
        base: folder or hub id of what ``location`` lacks (tokenizers, configs, other parts), for
            a single file or a bare UNet.
        base_revision: commit of ``base``, as ``revision``.
        loras: (file, weight) of LoRAs folded into the weights when they are loaded.
        guidance: guidance weight that a distilled UNet was taught to take as an input.
    """

    location: str
    revision: str | None = None
    licence: str = ""
    base: str | None = None
    base_revision: str | None = None
    loras: tuple[tuple[str, float], ...] = ()
    guidance: float | None = None

    @property
    def folder(self) -> Path | None:
        """The folder if ``location`` is one on this machine."""
        path = Path(self.location).expanduser()
        return path if path.is_dir() else None

    @property
    def file(self) -> Path | None:
        """The single file if ``location`` names one, whether it is there or not."""
        if not self.location.endswith((".safetensors", ".ckpt", ".pt", ".pth", ".bin")):
            return None
        return Path(self.location).expanduser()


@dataclass(frozen=True, slots=True)
class Steps:
    """How the cloud steps where it does not step as the device does.

    The device begins at the step of its own whose timestep is nearest to where the cloud left off
    (``handover.start_of``): the timestep shift.
    """

    scheduler: str
    steps: int
    split: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A cloud model and a device model with one latent space and one noise schedule.

    ``guidance`` and ``side`` (pixels) are the values the pair is used with unless told;
    ``parameters`` are millions of (cloud UNet, device UNet, text encoders, autoencoder).
    """

    name: str
    cloud: Source
    device: Source
    guidance: float = 7.5
    side: int = 512
    note: str = ""
    parameters: tuple[float, float, float, float] | None = None
    cloud_steps: Steps | None = None

    def memory(self, bytes_each: int = 2) -> tuple[float, float] | None:
        """GiB of weights on (cloud, device) with numbers of ``bytes_each``; activations add."""
        if self.parameters is None:
            return None
        cloud, device, text, decoder = (p * 1e6 * bytes_each / 2**30 for p in self.parameters)
        return cloud + text, device + text + decoder


_OPENRAIL = "CreativeML Open RAIL-M"
_OPENRAILPP = "CreativeML Open RAIL++-M"
# CLIP ViT-L text model; with OpenCLIP bigG's; the autoencoder of both families
_TEXT, _TEXT_XL, _VAE = 123.06, 817.72, 83.65

_SD14 = Source(
    "CompVis/stable-diffusion-v1-4", "133a221b8aa7292a167afc5127cb63fb5005638b", _OPENRAIL
)
_SDXL = Source(
    "stabilityai/stable-diffusion-xl-base-1.0", "462165984030d82259a11f4367a4eed129e94a7b",
    _OPENRAILPP,
)  # fmt: skip
_KOALA = Source("etri-vilab/koala-700m", licence="none stated on its model card")

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
            parameters=(859.52, 579.38, _TEXT, _VAE),
        ),
        Pair(
            "sd-v1.4+bk-sdm-small",
            _SD14,
            Source("nota-ai/bk-sdm-small", licence=_OPENRAIL),
            parameters=(859.52, 482.35, _TEXT, _VAE),
        ),
        Pair(
            "sd-v1.4+bk-sdm-tiny",
            _SD14,
            Source("nota-ai/bk-sdm-tiny", licence=_OPENRAIL),
            parameters=(859.52, 323.38, _TEXT, _VAE),
        ),
        Pair(
            "sdxl+koala-700m",
            _SDXL,
            _KOALA,
            side=1024,
            parameters=(2567.46, 782.82, _TEXT_XL, _VAE),
        ),
        Pair(
            "lcm-sdxl+koala-700m",
            Source(
                "latent-consistency/lcm-sdxl", licence=_OPENRAILPP, base=_SDXL.location,
                base_revision=_SDXL.revision, guidance=8.0,
            ),
            _KOALA,
            side=1024,
            note="the cloud takes 4 of 8 LCM steps, the device goes on at its 12th of 25",
            parameters=(2567.55, 782.82, _TEXT_XL, _VAE),
            cloud_steps=Steps("lcm", 8, 4),
        ),
    )
}  # fmt: skip


def find(name: str) -> Pair:
    """The pair called ``name``, or ``CLOUD,DEVICE``.

    Each side is a folder, a hub id, or a single ``.safetensors`` with ``@base=FOLDER`` for its
    tokenizer and configs; ``@lora=FILE*WEIGHT`` and ``@revision=COMMIT`` may follow. A known name
    may be followed by ``@lora=...`` for its cloud model. ``@lcm=STEPS/SPLIT`` says that the cloud
    is a latent consistency model which takes SPLIT of STEPS steps of its own, ``@guidance=WEIGHT``
    which guidance weight its UNet is given.

    Raises:
        ModelError: neither a known name nor two locations, or an option that does not exist.
    """
    if name in PAIRS:
        return PAIRS[name]
    known, at, options = name.partition("@")
    if known in PAIRS and at and "," not in name:
        pair = PAIRS[known]
        return replace(pair, name=name, cloud=_with(pair.cloud, options))
    cloud, comma, device = name.partition(",")
    if not comma or not cloud.strip() or not device.strip() or "," in device:
        raise ModelError(
            "unknown pair", code="unknown_pair", got=name,
            expected=f"one of {', '.join(PAIRS)}, or CLOUD,DEVICE as folders or hub ids",
        )  # fmt: skip
    said = cloud.strip().split("@")
    steps = [o for o in said[1:] if o.startswith("lcm=")]
    others = "@".join(o for o in said if o not in steps)
    own = _steps(steps[-1].removeprefix("lcm=")) if steps else None
    return Pair(name, _source(others), _source(device.strip()), cloud_steps=own)


def _source(text: str) -> Source:
    location, _, options = text.partition("@")
    return _with(Source(location), options)


def _with(source: Source, options: str) -> Source:
    for option in filter(None, options.split("@")):
        key, given, value = option.partition("=")
        if not given or not value or key not in ("base", "lora", "revision", "guidance"):
            raise ModelError(
                "unknown option of a model", code="bad_source", got=f"@{option}",
                expected="@base=FOLDER, @lora=FILE*WEIGHT, @revision=COMMIT, or for the cloud of "
                "CLOUD,DEVICE @lcm=STEPS/SPLIT, @guidance=WEIGHT",
            )  # fmt: skip
        if key == "base":
            source = replace(source, base=value)
        elif key == "revision":
            source = replace(source, revision=value)
        elif key == "guidance":
            weight = _number(value, "bad guidance weight")
            if weight < 1:
                raise ModelError(
                    "bad guidance weight", code="bad_source", got=value, expected="1 or more"
                )
            source = replace(source, guidance=weight)
        else:
            file, _, scale = value.partition("*")
            number = _number(scale or "1", "bad weight of a LoRA")
            source = replace(source, loras=(*source.loras, (file, number)))
    return source


def _number(text: str, wrong: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ModelError(wrong, code="bad_source", got=text, expected="a number")
    return value


def _steps(text: str) -> Steps:
    steps, slash, split = text.partition("/")
    numbers = slash and all(part.isdecimal() and len(part) <= 3 for part in (steps, split))
    most = int(steps) if numbers else 0
    if not (1 <= most <= MAX_LCM_STEPS and int(split) <= most):
        raise ModelError(
            "bad steps of a latent consistency model", code="bad_source", got=f"@lcm={text}",
            expected=f"@lcm=STEPS/SPLIT with SPLIT <= STEPS <= {MAX_LCM_STEPS}, such as @lcm=8/4",
        )  # fmt: skip
    return Steps("lcm", most, int(split))

"""The typed envelope of the wire contract (``docs/protocol.md``), and its checks.

Every field is public by design: what stands here, the cloud knows. There is no field for the
choice, and unknown fields are refused.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from obclip.errors import RequestError
from obclip.protocol import limits
from obclip.protocol.schedule import NoiseSchedule

Count = Annotated[int, Meta(ge=0, le=limits.MAX_COUNT)]
Side = Annotated[int, Meta(ge=limits.MIN_SIDE, le=limits.MAX_SIDE)]
Small = Annotated[int, Meta(ge=1, le=limits.MAX_LATENT_CHANNELS)]
Amount = Annotated[float, Meta(ge=0.0, le=float(limits.MAX_COUNT))]


class GenerateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One candidate set and the public parameters it is run with.

    ``prompts`` are in the canonical order of the set. One ``seed`` draws the one initial noise
    that all candidates share (the i-th of ``images`` pictures uses the i-th draw). ``sizes`` are
    the value counts of the set's attributes, the last one's values changing fastest; empty for a
    set that is no product.
    """

    version: int
    model: str
    plan: str
    scheduler: str
    steps: int
    split: int
    guidance: float
    height: int
    width: int
    images: int
    seed: int
    prompts: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    table_version: str

    @property
    def n(self) -> int:
        """Size of the candidate set."""
        return len(self.prompts)

    def check(self) -> None:
        """Raises :class:`RequestError` naming the field, what was got and what is allowed."""
        for field, low, high in (
            ("version", limits.VERSION, limits.VERSION),
            ("steps", 1, limits.MAX_STEPS),
            ("split", 0, self.steps),
            ("images", 1, limits.MAX_IMAGES),
            ("seed", 0, limits.MAX_SEED),
            ("height", limits.MIN_SIDE, limits.MAX_SIDE),
            ("width", limits.MIN_SIDE, limits.MAX_SIDE),
            ("n", 1, limits.MAX_CANDIDATES),
        ):
            value = getattr(self, field)
            if not low <= value <= high:
                told = "another number" if field == "seed" else value  # a seed is never repeated
                raise _bad(field, told, f"{low} to {high}" if low != high else str(low))
        if not (math.isfinite(self.guidance) and 0 <= self.guidance <= limits.MAX_GUIDANCE):
            raise _bad("guidance", self.guidance, f"0 to {limits.MAX_GUIDANCE}")
        if self.n * self.images > limits.MAX_LATENTS:
            raise _bad("candidates x images", self.n * self.images, f"at most {limits.MAX_LATENTS}")
        if self.negatives and len(self.negatives) != self.n:
            raise _bad("negatives", len(self.negatives), f"none or one a prompt ({self.n})")
        self._check_sizes()
        for field in ("prompts", "negatives"):
            longest = max((len(text) for text in getattr(self, field)), default=0)
            if longest > limits.MAX_PROMPT_CHARS:
                raise _bad(field, f"{longest} characters", f"at most {limits.MAX_PROMPT_CHARS}")
        if len(set(zip(self.prompts, self.negatives or self.prompts, strict=True))) != self.n:
            raise _bad("prompts", "a prompt twice", "distinct candidates")

    def _check_sizes(self) -> None:
        most = limits.MAX_ATTRIBUTES
        if len(self.sizes) > most:
            raise _bad("sizes", f"{len(self.sizes)} attributes", f"at most {most}")
        if any(not 2 <= size <= limits.MAX_CANDIDATES for size in self.sizes):
            raise _bad("sizes", "a count out of range", f"2 to {limits.MAX_CANDIDATES}")
        if self.sizes and math.prod(self.sizes) != self.n:
            raise _bad("sizes", f"a product of {math.prod(self.sizes)}", f"{self.n} (prompts)")


def _bad(field: str, got: object, expected: str) -> RequestError:
    return RequestError(
        f"{field} out of range", code=f"bad_{field.split()[0]}", got=got, expected=expected
    )


class OwnSteps(msgspec.Struct, frozen=True, kw_only=True):
    """How a distilled model steps: its scheduler, and k of T that its pair is used with."""

    scheduler: str
    steps: Annotated[int, Meta(ge=1, le=limits.MAX_STEPS)]
    split: Annotated[int, Meta(ge=0, le=limits.MAX_STEPS)]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Public parameters of a cloud model: what a device needs to know to be its pair.

    ``cloud_steps`` is None for a model that steps as the device does, with any scheduler.
    """

    name: str
    latent_channels: Small
    latent_factor: Small
    scaling_factor: float
    schedule: NoiseSchedule
    height: Side
    width: Side
    guidance: Annotated[float, Meta(ge=0.0, le=limits.MAX_GUIDANCE)]
    plans: tuple[str, ...]
    cloud_steps: OwnSteps | None = None


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``GET /v1/models``."""

    version: int
    server: str
    models: tuple[ModelInfo, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the progress stream. ``state``: queued, running, done, failed, cancelled."""

    state: str
    step: Count
    steps: Count


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``POST /v1/generations``: the job's name (a content hash) and its state.

    ``ratio`` is the plan's cost over that of one ordinary cloud-only generation.
    """

    id: str
    state: str
    ratio: Amount


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Every refusal of the server: never prompt text, never a stack trace."""

    code: str
    message: str
    got: str | None = None
    expected: str | None = None

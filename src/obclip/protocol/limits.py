"""Caps that are checked before anything of that size is read or allocated."""

from __future__ import annotations

VERSION = 1

MAX_CANDIDATES = 64
MAX_IMAGES = 8
#: Attributes of two values or more whose product is at most that.
MAX_ATTRIBUTES = 6
#: Candidates times pictures of one request.
MAX_LATENTS = 128
MAX_PROMPT_CHARS = 4_000
MAX_STEPS = 200
MIN_SIDE, MAX_SIDE = 64, 2048
MAX_GUIDANCE = 30.0
#: Names that ``scheduler`` may have.
SCHEDULERS = ("dpm++", "ddim")
#: The scheduler of distilled models, which take no other.
DISTILLED = "lcm"
MAX_SEED = 2**63 - 1
MAX_LATENT_CHANNELS = 64
#: Of steps, in a progress line.
MAX_COUNT = 1_000_000

MAX_REQUEST_BYTES = 1 << 20
#: A safetensors header of one tensor is about 100 bytes; metadata adds little.
MAX_ANSWER_HEADER_BYTES = 4_096
MAX_ERROR_BYTES = 16_384
MAX_PROGRESS_LINE_BYTES = 512
MAX_INFO_BYTES = 262_144


def answer_bytes_cap(latents: int, channels: int, height: int, width: int) -> int:
    """Most bytes an honest answer of fp16 latents ``(latents, channels, height, width)`` has."""
    return 8 + MAX_ANSWER_HEADER_BYTES + 2 * latents * channels * height * width

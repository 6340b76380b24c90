"""What an operator chooses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Server settings.

    Attributes:
        pair: name of the pair whose cloud model is served.
        host, port: where to listen; port 0 takes a free one. Loopback unless told.
        dtype: ``float32``, ``bfloat16`` or ``float16``.
        device: torch device.
        threads: CPU threads of torch; 0 leaves torch's choice.
        queue: jobs that may wait; one more is answered 503.
        keep_seconds: how long a finished answer waits to be fetched.
        batch: rows that go through the model in one call (a latent with guidance is two).
    """

    pair: str = "mini"
    host: str = "127.0.0.1"
    port: int = 8421
    dtype: str = "float32"
    device: str = "cpu"
    threads: int = 0
    queue: int = 16
    keep_seconds: float = 300.0
    batch: int = 32

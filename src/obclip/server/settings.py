"""What an operator chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Server settings.

    Attributes:
        engine: ``embedded`` computes in this process; ``ray`` on a fleet.
        replicas: fewest and most engines of a fleet.
        pair: name of the pair whose cloud model is served.
        host, port: where to listen; port 0 takes a free one. Loopback unless told.
        dtype: ``float32``, ``bfloat16`` or ``float16``.
        device: torch device.
        compile: layers are compiled by torch; on CUDA only.
        threads: CPU threads of torch; 0 leaves torch's choice.
        queue: jobs that may be open (waiting or running) at once; one more is answered 503.
        tenant_queue: the same for one tenant, answered 429; 0 for as many as there are.
        keep_seconds: how long a finished answer waits to be fetched.
        linger_seconds: how long it stays after it was fetched, for a retry of a broken download.
        deadline_seconds: a job that has not ended by then is stopped and told so.
        drain_seconds: how long a stopped server finishes what it has accepted.
        read_seconds: a request that has not arrived whole by then is answered 408.
        batch: rows that go through the model in one call (a latent with guidance is two).
        largest: most pixels of one picture, as a multiple of the model's own: a call cannot be
            stopped half-way, so one huge picture would keep all other users waiting.
        memory: bytes for calls, runs and answers; 0: most of what is free at the start.
        database: keys and usage (``obclip keys``); None: no keys are asked for.
        tls_cert, tls_key: PEM files; None: no TLS of the server's own.
        moderation: ``package.module:function``, or the name of an entry point of the group
            ``obclip.moderation``; empty for none.
        log: what is logged, as JSON lines on standard error: ``info``, ``warning`` or ``off``.
    """

    engine: str = "embedded"
    replicas: tuple[int, int] = (1, 1)
    pair: str = "mini"
    host: str = "127.0.0.1"
    port: int = 8421
    dtype: str = "float32"
    device: str = "cpu"
    compile: bool = False
    threads: int = 0
    queue: int = 64
    tenant_queue: int = 0
    keep_seconds: float = 300.0
    linger_seconds: float = 60.0
    deadline_seconds: float = 600.0
    drain_seconds: float = 30.0
    read_seconds: float = 30.0
    batch: int = 32
    largest: float = 4.0
    memory: int = 0
    database: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    moderation: str = ""
    log: str = "info"

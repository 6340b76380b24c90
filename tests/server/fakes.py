"""A backend that computes nothing, for tests of everything around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from starlette.testclient import TestClient

from obclip.errors import RequestError
from obclip.protocol.messages import GenerateRequest, ModelInfo
from obclip.protocol.schedule import NoiseSchedule
from obclip.server.app import app_over
from obclip.server.backend import Admission, OnEnd, OnStep, Stopped
from obclip.server.settings import Settings

INFO = ModelInfo(
    name="m", latent_channels=4, latent_factor=8, scaling_factor=0.18, height=64, width=64,
    guidance=2.0, plans=("exact",), schedule=NoiseSchedule(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="linear",
        prediction_type="epsilon", rescale_betas_zero_snr=False, timestep_spacing="leading",
        steps_offset=1,
    ),
)  # fmt: skip


class Instant:
    """Answers at once, or when ``let`` is called; the answer is the first prompt's length."""

    def __init__(self, *, held: bool = False) -> None:
        self.info, self.ready, self.free = INFO, True, 1 << 40
        self.held, self.closed = held, False
        self.open: dict[str, Callable[[BaseException | None], None]] = {}
        self._lock = threading.Lock()

    def admit(self, request: GenerateRequest) -> Admission:
        if request.model != "m":
            raise RequestError("not that model", code="unknown_model", expected="m")
        return Admission(1.5, 1000)

    def submit(
        self, key: str, tenant: str, request: GenerateRequest, held: int, on_step: OnStep,
        on_end: OnEnd,
    ) -> None:  # fmt: skip
        def end(error: BaseException | None) -> None:
            if error is None:
                on_end(b"%d" % len(request.prompts[0]), None)
            else:
                on_end(None, error)

        with self._lock:
            self.open[key] = end
        on_step(0, request.split)
        if not self.held:
            self.let(key)

    def let(self, key: str | None = None, error: BaseException | None = None) -> None:
        """Ends one run, or all that are open."""
        with self._lock:
            ends = [self.open.pop(k) for k in ([key] if key else list(self.open)) if k in self.open]
        for end in ends:
            end(error)

    def cancel(self, key: str) -> None:
        self.let(key, Stopped())

    def free_bytes(self) -> int:
        return self.free

    def close(self) -> None:
        self.closed, self.ready = True, False


@contextmanager
def serving(backend: Any = None, **settings: Any) -> Iterator[TestClient]:
    """The app over a backend, in this process."""
    chosen = replace(Settings(), **settings)
    with TestClient(app_over(backend or Instant(), chosen), raise_server_exceptions=False) as http:
        yield http

"""Ray Serve as what computes: the loop of this machine, in replicas that come, go and die.

What crosses to a replica (``ray_replica.py``) are bytes: a request one way, steps and an answer the
other. A replica that is lost on the way costs no job: the same bytes go to another one, and equal
requests have equal answers.

Protects: the cluster answers to a token only and reports its use to nobody; no HTTP of Ray's own
is opened.
Does not protect: Ray's own messages between its processes are pickled, so whoever has the token can
run code there; each machine of the cluster is trusted as the server is.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from obclip.errors import ObclipError, ServerError
from obclip.protocol.codec import decode, encode_request
from obclip.protocol.limits import MAX_INFO_BYTES
from obclip.protocol.messages import GenerateRequest, ModelInfo
from obclip.server.backend import Admission, OnEnd, OnStep, Stopped
from obclip.server.ray_replica import Replica, error_of
from obclip.server.settings import Settings

NAME = "obclip"
#: How often a job is given to another replica because its own was lost.
LOSSES = 5
_PAUSE = 0.2
#: Ray's ways of saying that a replica is gone; by name, so that this file imports without Ray.
_LOST = (
    "ActorDiedError", "ActorUnavailableError", "RayActorError", "WorkerCrashedError",
    "NodeDiedError", "ObjectLostError", "OwnerDiedError", "RpcError",
)  # fmt: skip


class RayBackend:
    """The fleet, seen from the HTTP side."""

    def __init__(self, handle: Any, info: ModelInfo, stop: Callable[[], None]) -> None:
        self._handle, self._info, self._stop = handle, info, stop
        self._runs: dict[str, asyncio.Task[bytes]] = {}
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fleet", daemon=True)
        self._thread.start()

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def ready(self) -> bool:
        return not self._closed

    def admit(self, request: GenerateRequest) -> Admission:
        data = encode_request(request)
        for left in range(LOSSES, -1, -1):
            try:
                told: bytes = self._handle.admit.remote(data).result(timeout_s=60)
                break
            except Exception as error:
                if not left or not lost(error):
                    raise _unreachable(error) from None
        if told[:1] == b"!":
            raise error_of(told[1:])
        return msgspec.json.decode(told, type=Admission)

    def submit(
        self, key: str, tenant: str, request: GenerateRequest, held: int, on_step: OnStep,
        on_end: OnEnd,
    ) -> None:  # fmt: skip
        data = encode_request(request)

        def begin() -> None:
            run = self._loop.create_task(self._run(data, tenant, held, on_step))
            self._runs[key] = run
            run.add_done_callback(over)

        def over(run: asyncio.Future[bytes]) -> None:  # also of a run that never came to begin
            self._runs.pop(key, None)
            if run.cancelled():
                on_end(None, Stopped())
                return
            error = run.exception()
            on_end(None if error else run.result(), error)

        self._loop.call_soon_threadsafe(begin)

    def cancel(self, key: str) -> None:
        def end() -> None:
            run = self._runs.get(key)
            if run is not None:
                run.cancel()

        self._loop.call_soon_threadsafe(end)

    def free_bytes(self) -> int:
        from obclip.server.budget import free_host

        return free_host()

    def close(self) -> None:
        self._closed = True
        for key in list(self._runs):
            self.cancel(key)
        self._stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    async def _run(self, data: bytes, tenant: str, held: int, on_step: OnStep) -> bytes:
        """One job, on as many replicas as are lost under it."""
        for left in range(LOSSES, -1, -1):
            try:
                return await self._once(data, tenant, held, on_step)
            except (ObclipError, Stopped):
                raise
            except Exception as error:
                if not left or not lost(error):
                    raise _unreachable(error) from None
            await asyncio.sleep(_PAUSE * (LOSSES - left + 1))
        raise AssertionError("unreachable")

    async def _once(self, data: bytes, tenant: str, held: int, on_step: OnStep) -> bytes:
        stream = self._handle.options(stream=True).run.remote(data, tenant, held)
        try:
            async for item in stream:
                if item[:1] == b"+":
                    done, total = msgspec.json.decode(item[1:], type=tuple[int, int])
                    on_step(done, total)
                elif item[:1] == b"=":
                    answer: bytes = item[1:]
                    return answer
                else:
                    raise error_of(item[1:])
        finally:
            stream.cancel()
        raise ServerError("the engine failed", code="engine_failed", got="an end without an answer")


def lost(error: BaseException) -> bool:
    """Does this say that a replica is gone, rather than that a request is wrong?"""
    return any(kind.__name__ in _LOST for kind in type(error).__mro__)


def start(settings: Settings) -> RayBackend:
    """Starts a fleet on this machine, or on the cluster that ``RAY_ADDRESS`` names.

    Raises:
        ServerError: Ray is not installed, or the fleet did not start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # on a busy machine
    os.environ.setdefault("RAY_agent_register_timeout_ms", "300000")
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        if "RAY_ADDRESS" in os.environ:
            raise ServerError(
                "a cluster without its token", code="ray_token", got="no RAY_AUTH_TOKEN",
                expected="RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH of that cluster",
            )  # fmt: skip
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # of this fleet alone
    try:
        ray, serve = importlib.import_module("ray"), importlib.import_module("ray.serve")
    except ModuleNotFoundError as error:
        raise ServerError(
            "Ray is not here", code="no_ray", got=f"no {error.name}", expected="ray[serve]",
            action="pip install 'obclip[ray]', or serve with --engine embedded",
        ) from None  # fmt: skip
    least, most = settings.replicas
    if not settings.memory and settings.device == "cpu":  # replicas of one machine share it
        from obclip.server.budget import SHARE, free_host

        settings = replace(settings, memory=round(SHARE * free_host() / most))
    ray.init(include_dashboard=False, log_to_driver=False, namespace=NAME, ignore_reinit_error=True)
    serve.start(http_options={"location": "NoServer"})
    fleet = serve.deployment(Replica).options(
        name="Replica", max_ongoing_requests=settings.queue, graceful_shutdown_timeout_s=5,
        health_check_period_s=5,
        ray_actor_options={"num_gpus": 1} if settings.device != "cpu" else {"num_cpus": 1},
        logging_config={"enable_access_log": False, "log_level": "ERROR"},
        autoscaling_config={
            "min_replicas": least, "max_replicas": most, "initial_replicas": least,
            "target_ongoing_requests": max(1, settings.queue // (2 * most)),
        },
    )  # fmt: skip
    fields = {k: v for k, v in asdict(settings).items() if not isinstance(v, Path)}
    handle = serve.run(fleet.bind(fields), name=NAME, route_prefix=None)
    info = decode(handle.info.remote().result(timeout_s=300), ModelInfo, MAX_INFO_BYTES)

    def stop() -> None:
        serve.shutdown()
        ray.shutdown()

    return RayBackend(handle, info, stop)


def _unreachable(error: BaseException) -> ServerError:
    return ServerError(
        "the fleet could not run it", code="engine_failed", got=type(error).__name__,
        expected="a replica that lives",
    )  # fmt: skip

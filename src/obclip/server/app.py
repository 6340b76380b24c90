"""The wire contract over HTTP (``docs/protocol.md``). ``create_app`` takes a loaded engine.

Protects: error bodies and logs hold codes, numbers and sizes, never a prompt, latent or seed.
Does not protect: the set itself from this server; it is what the server is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import torch
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from obclip import __version__
from obclip.cloud.cost import counter, plan_cost
from obclip.cloud.engine import Engine
from obclip.cloud.engine import Job as EngineJob
from obclip.cloud.plan import Kind, Plan
from obclip.cloud.planner import NAMED, make_plan
from obclip.errors import ObclipError, PlanError, RequestError, ServerError
from obclip.protocol import limits
from obclip.protocol.codec import decode_request, encode_latents, request_id
from obclip.protocol.messages import Accepted, ErrorBody, GenerateRequest, ModelInfo, ServerInfo
from obclip.server.jobs import OVER, Job, Jobs
from obclip.server.settings import Settings

OCTETS = "application/octet-stream"
_PULSE_SECONDS = 0.05
#: A line is repeated this often when nothing changes, so that a client can tell slow from dead.
_HEARTBEAT_SECONDS = 5.0


def model_info(name: str, engine: Engine, guidance: float) -> ModelInfo:
    """The public parameters of the served model."""
    parts = engine.parts
    return ModelInfo(
        name=name,
        latent_channels=parts.latent_channels,
        latent_factor=parts.latent_factor,
        scaling_factor=parts.scaling_factor,
        schedule=parts.schedule,
        height=parts.side,
        width=parts.side,
        guidance=guidance,
        plans=tuple(NAMED),
    )


def check(request: GenerateRequest, info: ModelInfo, engine: Engine) -> None:
    """Everything that can be refused before computing, is refused here.

    Raises:
        RequestError, PlanError: naming the number that is wrong and what is allowed.
    """
    if request.model != info.name:
        raise RequestError(
            "this server does not serve that model", code="unknown_model", expected=info.name
        )
    if request.scheduler not in limits.SCHEDULERS:
        raise RequestError(
            "unknown scheduler", code="bad_scheduler", expected=" or ".join(limits.SCHEDULERS)
        )
    if request.plan not in NAMED:
        raise PlanError("unknown plan", code="unknown_plan", expected=" or ".join(NAMED))
    engine.check(_engine_job(request))
    engine.check_plan(_plan(request, engine))


def _plan(request: GenerateRequest, engine: Engine) -> Plan:
    return make_plan(
        request.plan, request.n, request.steps, request.split, request.sizes or None,
        engine.parts.schedule,
    )  # fmt: skip


def _ratio(request: GenerateRequest, engine: Engine) -> float:
    """The plan's cost over that of one ordinary generation."""
    plan = _plan(request, engine)
    guidance = request.guidance > 1
    if all(step.kind == Kind() for step in plan.program):  # whole passes: their price drops out
        return round(plan_cost(plan, 1, guidance=guidance).ratio, 4)
    parts = engine.parts
    size = request.height // parts.latent_factor, request.width // parts.latent_factor
    count = counter(dict(parts.unet.config), *size, int(parts.tokenizers[0].model_max_length))
    return round(plan_cost(plan, count, guidance=guidance).ratio, 4)


def _engine_job(request: GenerateRequest) -> EngineJob:
    return EngineJob(
        prompts=request.prompts, negatives=request.negatives, scheduler=request.scheduler,
        guidance=request.guidance, height=request.height, width=request.width,
        images=request.images, seed=request.seed,
    )  # fmt: skip


def create_app(engine: Engine, info: ModelInfo, settings: Settings) -> FastAPI:
    """The ASGI application; owns one worker that runs jobs on ``engine``."""

    def work(request: GenerateRequest, step: Any) -> bytes:
        latents = engine.run(_engine_job(request), _plan(request, engine), step)
        return encode_latents(latents.half().numpy())

    def threads() -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)

    jobs = Jobs(work, queue=settings.queue, keep_seconds=settings.keep_seconds, prepare=threads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()

    app = FastAPI(
        title="ObCLIP cloud", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.jobs = jobs

    @app.exception_handler(ObclipError)
    async def refuse(_: Request, error: ObclipError) -> Response:
        return _refusal(error)

    @app.exception_handler(HTTPException)
    async def elsewhere(_: Request, error: HTTPException) -> Response:
        known = "an endpoint and method of docs/protocol.md"
        return _refusal(ServerError("no such endpoint", code="not_found", expected=known))

    app.add_middleware(Contained)

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        """Alive."""
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> Response:
        """The served models and their public parameters."""
        body = ServerInfo(version=limits.VERSION, server=f"obclip/{__version__}", models=(info,))
        return _json(body)

    @app.post(
        "/v1/generations", status_code=202,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {
            "schema": {"type": "object"}}}}},
    )  # fmt: skip
    async def submit(request: Request) -> Response:
        """Takes a candidate set; the same bytes again are the same job."""
        data = await _capped_body(request)
        decoded = decode_request(data)
        check(decoded, info, engine)
        job = jobs.submit(request_id(data), decoded)
        return _json(Accepted(id=job.id, state=job.state, ratio=_ratio(decoded, engine)), 202)

    @app.get("/v1/generations/{job_id}/progress")
    async def progress(job_id: str) -> Response:
        """A line of JSON for each change, until the job is over."""
        return StreamingResponse(_lines(_known(jobs, job_id)), media_type="application/x-ndjson")

    @app.get("/v1/generations/{job_id}/latents")
    async def latents(job_id: str) -> Response:
        """All latents of the set in one answer, candidates in request order."""
        job = _known(jobs, job_id)
        if job.error is not None:
            raise job.error
        if job.answer is None:
            raise ServerError("not finished", code="not_ready", got=job.state, expected="done")
        return Response(job.answer, media_type=OCTETS)

    @app.delete("/v1/generations/{job_id}", status_code=204)
    async def cancel(job_id: str) -> Response:
        """Stops a job, or drops its answer."""
        if not jobs.cancel(job_id):
            raise _unknown()
        return Response(status_code=204)

    return app


class Contained:
    """Answers an unforeseen error with its type alone.

    Outermost but for the framework's own handler, which would raise it again for the log; an
    exception's text could quote what it was given.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http":
                raise
            if not begun:
                kind = type(error).__name__
                refusal = _refusal(ServerError("internal error", code="internal", got=kind))
                await refusal(scope, receive, send)


async def _lines(job: Job) -> AsyncIterator[bytes]:
    last, quiet = None, 0.0
    while True:
        now = job.progress()
        if now != last or quiet >= _HEARTBEAT_SECONDS:
            yield msgspec.json.encode(now) + b"\n"
            last, quiet = now, 0.0
        if now.state in OVER:  # of the line that was sent: the job may have ended since
            return
        await asyncio.sleep(_PULSE_SECONDS)
        quiet += _PULSE_SECONDS


async def _capped_body(request: Request) -> bytes:
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.MAX_REQUEST_BYTES:
            raise RequestError(
                "request too large", code="too_large", got=f"over {limits.MAX_REQUEST_BYTES} bytes",
                expected=f"at most {limits.MAX_REQUEST_BYTES}",
            )  # fmt: skip
        parts.append(chunk)
    return b"".join(parts)


def _known(jobs: Jobs, job_id: str) -> Job:
    job = jobs.get(job_id)
    if job is None:
        raise _unknown()
    return job


def _unknown() -> ServerError:
    return ServerError(
        "no such generation", code="not_found", expected="one submitted and not yet expired"
    )


_STATUS = {"busy": 503, "not_found": 404, "not_ready": 409, "too_large": 413}


def _refusal(error: ObclipError) -> Response:
    status = _STATUS.get(error.code, 500 if isinstance(error, ServerError) else 400)
    body = ErrorBody(
        code=error.code,
        message=error.message,
        got=None if error.got is None else str(error.got),
        expected=None if error.expected is None else str(error.expected),
    )
    response = _json(body, status)
    if status == 503:
        response.headers["Retry-After"] = "2"
    return response


def _json(body: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")

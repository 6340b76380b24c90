"""The wire contract over HTTP (``docs/protocol.md``). ``create_app`` takes a loaded engine.

Protects: error bodies and logs hold codes, numbers and sizes, never a prompt, latent or seed.
Does not protect: the set itself from this server; it is what the server is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from obclip import __version__
from obclip.errors import ObclipError, ServerError
from obclip.protocol import limits
from obclip.protocol.messages import Accepted, ModelInfo, ServerInfo
from obclip.server import moderation
from obclip.server.accounts import Accounts
from obclip.server.backend import Backend
from obclip.server.backend import model_info as model_info
from obclip.server.intake import Intake, capped_body
from obclip.server.job import Job
from obclip.server.jobs import Jobs
from obclip.server.logs import say
from obclip.server.metrics import CONTENT_TYPE, Metrics
from obclip.server.openapi import document
from obclip.server.refusals import as_json, refusal, unknown_job
from obclip.server.settings import Settings
from obclip.server.stream import Answer, lines
from obclip.server.watch import Watched

if TYPE_CHECKING:
    from obclip.cloud.engine import Engine


def create_app(engine: Engine, info: ModelInfo, settings: Settings) -> FastAPI:
    """The ASGI application over the engine of this process, which it owns from now on."""
    from obclip.server.embedded import Embedded  # torch, which a fleet's HTTP side does not need

    metrics = Metrics()
    backend = Embedded(engine, info, settings, metrics.called)
    metrics.memory.labels("budget").set(backend.memory)
    return app_over(backend, settings, metrics)


def app_over(backend: Backend, settings: Settings, metrics: Metrics | None = None) -> FastAPI:
    """The ASGI application over any backend, which it closes at its end.

    Raises:
        ServerError: the database or the moderation hook cannot be had.
    """
    metrics = metrics or Metrics()
    hook = moderation.find(settings.moderation)
    accounts = Accounts(settings.database, serving=True) if settings.database else None

    def over(job: Job) -> None:
        if accounts is not None and job.ticket:
            unused = job.state == "failed" or (job.state == "cancelled" and not job.began)
            accounts.settle(job.ticket, refund=unused)
        metrics.jobs.labels(job.state).inc()
        if job.state == "done":
            metrics.units.inc(job.units)
            metrics.job_seconds.labels("waiting").observe(max(0.0, job.began - job.came))
            metrics.job_seconds.labels("running").observe(job.ended - job.began)
        say(
            "ended", tenant=job.tenant, state=job.state, seconds=round(job.ended - job.came, 3),
            code=None if job.error is None else job.error.code,
        )  # fmt: skip

    share = settings.memory // 4 or max(1 << 26, backend.free_bytes() // 4)
    jobs = Jobs(backend.submit, backend.cancel, settings, memory=share, on_over=over)
    metrics.watch(jobs.counts, backend.free_bytes)
    intake = Intake(backend, jobs, settings, accounts, hook)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()
        backend.close()
        if accounts is not None:
            accounts.close()

    app = FastAPI(
        title="ObCLIP cloud", version=__version__, lifespan=lifespan, docs_url=None,
        redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    app.state.jobs, app.state.backend = jobs, backend

    @app.exception_handler(ObclipError)
    async def refuse(_: Request, error: ObclipError) -> Response:
        metrics.refusals.labels(error.code).inc()
        return refusal(error, jobs.retry_after())

    @app.exception_handler(HTTPException)
    async def elsewhere(request: Request, error: HTTPException) -> Response:
        return _elsewhere(request, error)

    app.add_middleware(Watched, metrics=metrics)
    _operations(app, intake, jobs, backend, metrics)
    _generations(app, intake, jobs, backend, settings)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, keys=accounts is not None)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _operations(
    app: FastAPI, intake: Intake, jobs: Jobs, backend: Backend, metrics: Metrics
) -> None:
    @app.get("/health")
    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        """Alive."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """Whether jobs are taken: 503 while the server stops or cannot compute."""
        if jobs.draining or not backend.ready:
            raise ServerError("not ready", code="draining", expected="try again later")
        return {"status": "ready"}

    @app.get("/metrics")
    async def page(request: Request) -> Response:
        """Counts, sizes and seconds for Prometheus."""
        await intake.who(request)
        return Response(metrics.page(), media_type=CONTENT_TYPE)


def _generations(
    app: FastAPI, intake: Intake, jobs: Jobs, backend: Backend, settings: Settings
) -> None:
    async def known(request: Request, job_id: str) -> Job:
        job = jobs.get(await intake.who(request), job_id)
        if job is None:
            raise unknown_job()
        return job

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        """The served models and their public parameters."""
        await intake.who(request)
        name = f"obclip/{__version__}"
        return as_json(ServerInfo(version=limits.VERSION, server=name, models=(backend.info,)))

    @app.post("/v1/generations", status_code=202)
    async def submit(request: Request) -> Response:
        """Takes a candidate set; the same bytes again are the same job."""
        tenant = await intake.who(request)
        job = await intake.submit(tenant, await capped_body(request, settings.read_seconds))
        return as_json(Accepted(id=job.id, state=job.state, ratio=job.ratio), 202)

    @app.get("/v1/generations/{job_id}/progress")
    async def progress(request: Request, job_id: str) -> Response:
        """A line of JSON for each change, until the job is over."""
        job = await known(request, job_id)
        return StreamingResponse(lines(job), media_type="application/x-ndjson")

    @app.get("/v1/generations/{job_id}/latents")
    async def latents(request: Request, job_id: str) -> Response:
        """All latents of the set in one answer, candidates in request order."""
        job = await known(request, job_id)
        if job.error is not None:
            raise job.error.with_traceback(None)
        if job.answer is None:
            raise ServerError("not finished", code="not_ready", got=job.state, expected="done")
        return Answer(job.answer, lambda: jobs.fetched(job))

    @app.delete("/v1/generations/{job_id}", status_code=204)
    async def cancel(request: Request, job_id: str) -> Response:
        """Stops a job, or drops its answer."""
        tenant = await intake.who(request)
        # in a thread: the records of what it was charged may have to wait for their disk
        if not await asyncio.to_thread(jobs.cancel, tenant, job_id):
            raise unknown_job()
        return Response(status_code=204)


def _elsewhere(request: Request, error: HTTPException) -> Response:
    parts = request.url.path.split("/")
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        response = refusal(
            ServerError("not a method of this endpoint", code="bad_method", expected=allowed)
        )
        response.headers["Allow"] = allowed
        return response
    if len(parts) > 2 and parts[1][:1] == "v" and parts[1][1:].isdecimal() and parts[1] != "v1":
        return refusal(
            ServerError("another version", code="not_found", expected=f"/v{limits.VERSION}/")
        )
    known = "an endpoint of docs/protocol.md"
    return refusal(ServerError("no such endpoint", code="not_found", expected=known))

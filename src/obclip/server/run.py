"""Loads the model and listens. The line ``ready http://HOST:PORT`` on stdout says it serves.

Protects: without keys nobody but this machine is listened to; a stopped server finishes what it
has accepted before it goes.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import signal
import socket
import ssl
import sys
import threading
import time
from dataclasses import replace
from types import FrameType

import uvicorn
from fastapi import FastAPI

from obclip import __version__
from obclip.errors import ServerError
from obclip.server import logs, moderation
from obclip.server.accounts import Accounts
from obclip.server.app import app_over, create_app
from obclip.server.jobs import Jobs
from obclip.server.settings import Settings
from obclip.server.wire import guarded


def serve(settings: Settings, *, until_stdin_closes: bool = False) -> None:
    """Serves until stopped.

    Args:
        until_stdin_closes: stop when standard input ends, so that a local cloud never outlives
            the process that started it, however that one died.

    Raises:
        ServerError: the address cannot be listened on, or must not be without keys; the database,
            the certificate or the moderation hook cannot be had.
        ModelError: the model cannot be loaded.
    """
    logs.set_up(settings.log)
    _check(settings)
    listener = _listen(settings.host, settings.port)
    run(_app(settings), settings, listener, until_stdin_closes=until_stdin_closes)


def run(
    app: FastAPI, settings: Settings, listener: socket.socket, *, until_stdin_closes: bool = False
) -> None:
    """Serves a made application on a listening socket until stopped."""
    server = Server(_config(app, settings), app.state.jobs, settings.drain_seconds)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    host, port = listener.getsockname()[:2]
    scheme = "http" if settings.tls_cert is None else "https"
    address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"ready {address}", flush=True)
    logs.say("serving", address=address, version=__version__)
    server.run(sockets=[listener])
    if app.state.backend.ready:
        # a model call that does not end: Python could only abort over the thread that is in it
        logs.say("cut_short", 30, reason="call")
        sys.stderr.flush()
        os._exit(0)


class Server(uvicorn.Server):
    """uvicorn's, which on SIGTERM finishes what was accepted; a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, jobs: Jobs, drain_seconds: float) -> None:
        super().__init__(config)
        self._jobs, self._drain_seconds = jobs, drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and not self._jobs.draining:
            self._jobs.drain()
            threading.Thread(target=self._drain, daemon=True).start()
        else:
            super().handle_exit(sig, frame)

    def _drain(self) -> None:
        logs.say("draining")
        end = time.monotonic() + self._drain_seconds
        while time.monotonic() < end and not self._jobs.drained:
            time.sleep(0.05)
        self.should_exit = True


def _app(settings: Settings) -> FastAPI:
    if settings.engine != "embedded":  # named by a word of ours, and loaded only then
        try:
            fleet = importlib.import_module(f"obclip.server.{settings.engine}_backend")
        except ImportError as error:
            raise ServerError(
                "that engine is not installed", code="no_engine", got=f"no {error.name}",
                expected=f"pip install 'obclip[{settings.engine}]'",
            ) from None  # fmt: skip
        return app_over(fleet.start(settings), settings)
    import torch  # not needed by the HTTP side of a fleet

    from obclip.server.embedded import engine_of

    settings = replace(settings, threads=settings.threads or torch.get_num_threads())
    # OpenMP threads stop spinning between parallel regions once there are more of them than cores:
    # a pool of this thread's own would make the engine's a third slower (docs/log.md)
    torch.set_num_threads(1)
    engine, info = engine_of(settings)
    return create_app(engine, info, settings)


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, server_header=False,
        http=guarded(settings.read_seconds), timeout_graceful_shutdown=5,
        ssl_certfile=settings.tls_cert, ssl_keyfile=settings.tls_key,
    )  # fmt: skip


def _check(settings: Settings) -> None:
    """All that can be refused before a model is loaded."""
    moderation.find(settings.moderation)
    keys = 0
    if settings.database is not None:
        accounts = Accounts(settings.database, make=False)  # a mistyped name is not a new file
        keys = sum(key.revoked is None for key in accounts.list())
        accounts.close()
    least, most = settings.replicas
    if least > most:
        raise ServerError(
            "a fleet's fewest replicas are more than its most", code="bad_replicas",
            got=f"{least} {most}", expected="FEWEST no more than MOST",
        )  # fmt: skip
    public = not is_loopback(settings.host)
    if public and not keys:
        raise ServerError(
            "others than this machine are served with keys only", code="no_keys",
            got=f"{settings.host} and no valid key", expected="--database with a key in it",
            action="obclip keys add NAME --database FILE, or listen on 127.0.0.1",
        )  # fmt: skip
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ServerError(
            "half a certificate", code="tls", expected="both --tls-cert and --tls-key, or neither"
        )
    if settings.tls_cert is not None and settings.tls_key is not None:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ServerError(
                "the certificate cannot be used", code="tls", got=type(error).__name__,
                expected="PEM files of a certificate and its key",
            ) from None  # fmt: skip
    elif public:
        logs.say("warning", 30, reason="no_tls")


def is_loopback(host: str) -> bool:
    """Whether every address that ``host`` stands for is this machine's own loopback."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host or None, 0)}
        return bool(host) and all(ipaddress.ip_address(a).is_loopback for a in found)
    except (OSError, ValueError):
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise ServerError(
            "cannot listen", code="bind", got=f"{host}:{port} ({error.strerror})",
            expected="a free port of an address of this machine", action="choose another --port",
        ) from None  # fmt: skip
    # asyncio sets it on sockets of its own only; without it each answer waits 40 ms for an ACK
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _stop_at_eof(server: uvicorn.Server) -> None:
    while sys.stdin.buffer.read(1):
        pass
    server.should_exit = True
    time.sleep(5)
    server.force_exit = True

"""Loads the model and listens. The line ``ready http://HOST:PORT`` on stdout says it serves."""

from __future__ import annotations

import socket
import sys
import threading
import time
from dataclasses import replace

import torch
import uvicorn

from obclip.cloud.engine import Engine
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import find
from obclip.errors import ServerError
from obclip.server.app import create_app, model_info
from obclip.server.settings import Settings


def serve(settings: Settings, *, until_stdin_closes: bool = False) -> None:
    """Serves until stopped.

    Args:
        until_stdin_closes: stop when standard input ends, so that a local cloud never outlives
            the process that started it, however that one died.

    Raises:
        ServerError: the address cannot be listened on.
        ModelError: the model cannot be loaded.
    """
    listener = _listen(settings.host, settings.port)
    settings = replace(settings, threads=settings.threads or torch.get_num_threads())
    # OpenMP threads stop spinning between parallel regions once there are more of them than cores:
    # a pool of this thread's own would make the engine's a third slower (docs/log.md)
    torch.set_num_threads(1)
    pair = find(settings.pair)
    parts = load(
        pair.cloud, dtype=getattr(torch, settings.dtype), device=settings.device, vae=False
    )
    engine = Engine(parts, batch=settings.batch)
    app = create_app(engine, model_info(pair.name, engine, pair.guidance), settings)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    )
    if until_stdin_closes:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    host, port = listener.getsockname()[:2]
    print(f"ready http://{host}:{port}", flush=True)
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=128)
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

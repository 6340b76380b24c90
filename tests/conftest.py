from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# the models are tiny: threads that wait for one another cost more than they compute
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's profile, key or history."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``CLOUD,DEVICE``: two tiny random-weight models of SD-1.x kind."""
    from tests.tiny import write_pair

    return write_pair(tmp_path_factory.mktemp("tiny"))


@contextmanager
def running(pair: str, **settings: object) -> Iterator[str]:
    """A real server on a free loopback port, in a thread; gives its address."""
    import uvicorn

    from obclip.cloud.engine import Engine
    from obclip.diffusion.loading import load
    from obclip.diffusion.pairs import find
    from obclip.server.app import create_app, model_info
    from obclip.server.run import _listen
    from obclip.server.settings import Settings

    known = find(pair)
    engine = Engine(load(known.cloud, vae=False))
    chosen = Settings(pair=pair, **settings)  # type: ignore[arg-type]
    info = model_info(known.name, engine, known.guidance, known.cloud_steps)
    app = create_app(engine, info, chosen)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, log_level="error", access_log=False)
    )
    listener = _listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP."""
    from tests.tiny import write_clip

    return write_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


@pytest.fixture(scope="session")
def cloud(tiny_pair: str) -> Iterator[str]:
    """The address of a running cloud of the tiny pair."""
    with running(tiny_pair) as address:
        yield address


@pytest.fixture(scope="session")
def distilled_pair(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny cloud with LCM steps of its own, and its device."""
    from tests.tiny import write_distilled

    return write_distilled(tmp_path_factory.mktemp("distilled"))


@pytest.fixture(scope="session")
def distilled_cloud(distilled_pair: str) -> Iterator[str]:
    """The address of a running cloud of the distilled pair."""
    with running(distilled_pair) as address:
        yield address

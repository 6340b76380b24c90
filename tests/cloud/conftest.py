from __future__ import annotations

import pytest

from obclip.cloud.engine import Engine
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import Source
from tests.tiny import write


@pytest.fixture(scope="module", params=["sd", "sdxl-v"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    xl = request.param == "sdxl-v"
    kind = "v_prediction" if xl else "epsilon"
    folder = tmp_path_factory.mktemp("engine") / "m"
    return Engine(load(Source(str(write(folder, xl=xl, prediction_type=kind))), vae=False))

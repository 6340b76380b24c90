"""Drawing and scoring for the pair's figures: the same loop, every picture its own noise."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from obclip.client.device import Device, Sampling
from obclip.diffusion.pairs import find
from obclip.errors import RequestError
from obclip.evaluation import quality
from obclip.evaluation.judge import Verdict
from obclip.evaluation.quality import Asked

SAMPLING = Sampling("ddim", 4, 2.0, 64, 64)


@pytest.fixture(scope="module")
def models(tiny_pair: str) -> tuple[Device, Device]:
    pair = find(tiny_pair)
    return Device.of(pair.cloud), Device.of(pair.device)


def asked(*seeds: int) -> list[Asked]:
    return [Asked(f"a woman {s}", s, {"gender": "woman"}, str(s)) for s in seeds]


@pytest.mark.parametrize("method", quality.METHODS)
def test_a_batch_draws_what_each_prompt_draws_alone(
    models: tuple[Device, Device], method: str
) -> None:
    together = quality.draw(method, asked(1, 2, 3), *models, SAMPLING, 2)
    (alone,) = quality.draw(method, asked(2), *models, SAMPLING, 2)
    difference = np.abs(np.asarray(together[1], int) - np.asarray(alone, int)).max()
    assert difference <= 2
    assert together[0].tobytes() != together[1].tobytes()


def test_the_methods_differ_by_whose_steps_they_are(models: tuple[Device, Device]) -> None:
    drawn = {
        m: quality.draw(m, asked(5), *models, SAMPLING, 2)[0].tobytes() for m in quality.METHODS
    }
    assert len(set(drawn.values())) == 3
    (all_cloud,) = quality.draw("hybrid", asked(5), *models, SAMPLING, 4)
    assert all_cloud.tobytes() == drawn["cloud-only"]


def test_another_method_is_refused(models: tuple[Device, Device]) -> None:
    with pytest.raises(RequestError, match="unknown method"):
        quality.draw("magic", asked(1), *models, SAMPLING, 2)


def test_only_what_was_asked_for_is_scored() -> None:
    classes = {"gender": ("woman", "man"), "tone": ("light", "dark")}
    probabilities = {
        "gender": torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]),
        "tone": torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]),
    }
    verdict = Verdict(torch.zeros(3, 4), torch.zeros(3, 4), probabilities, classes)
    judge: Any = SimpleNamespace(caption_scores=lambda v, texts: torch.tensor([0.1, 0.2, 0.6]))
    rows = [
        Asked("a", 1, {"gender": "woman", "tone": "light"}, "a"),
        Asked("b", 2, {"gender": "woman"}, "b"),
        Asked("c", 3, {"gender": "woman"}, "c"),
    ]
    result = quality.score(verdict, judge, rows)
    assert result.attributes["gender"].value == pytest.approx(2 / 3)
    assert result.attributes["tone"].value == 1.0
    assert result.attributes["tone"].clusters == 1
    assert "concept" not in result.attributes
    assert result.caption.value == pytest.approx(0.3)
    assert result.kid is None


def test_pixels_keep_their_places(tmp_path: Path) -> None:
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (10, 20, 30))
    got = quality.pixels([picture])
    assert got.shape == (1, 3, 2, 3)
    assert got.dtype == torch.uint8
    assert got[0, :, 1, 2].tolist() == [10, 20, 30]

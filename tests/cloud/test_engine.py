"""One engine runs a plan; batches and neighbours never change a candidate."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import make_plan
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import find
from obclip.errors import PlanError, RequestError

JOB = Job(
    prompts=("a woman", "a man", "a person"), negatives=(), scheduler="dpm++", guidance=4.0,
    height=64, width=64, images=2, seed=9,
)  # fmt: skip
PLAN = make_plan("exact", 3, 8, 3)


@pytest.fixture(scope="module")
def engine(tiny_pair: str) -> Engine:
    return Engine(load(find(tiny_pair).cloud, vae=False))


def test_the_answer_has_a_latent_for_each_picture_of_each_candidate(engine: Engine) -> None:
    out = engine.run(JOB, PLAN)
    assert (out.shape, out.dtype) == ((2, 3, 4, 8, 8), torch.float32)
    assert len({row.numpy().tobytes() for row in out.flatten(0, 1)}) == 6


def test_the_batch_caps_memory_and_never_the_result(engine: Engine) -> None:
    small = Engine(engine.parts, batch=4)
    torch.testing.assert_close(small.run(JOB, PLAN), engine.run(JOB, PLAN), rtol=1e-4, atol=1e-4)


def test_a_candidate_does_not_depend_on_its_neighbours(engine: Engine) -> None:
    alone = engine.run(replace(JOB, prompts=("a man",)), make_plan("exact", 1, 8, 3))
    torch.testing.assert_close(engine.run(JOB, PLAN)[:, 1], alone[:, 0], rtol=1e-4, atol=1e-4)


def test_all_candidates_start_from_one_noise(engine: Engine) -> None:
    out = engine.run(JOB, make_plan("exact", 3, 8, 0))
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 0], out[:, 2])


def test_a_negative_prompt_counts(engine: Engine) -> None:
    out = engine.run(replace(JOB, negatives=("blue",) * 3), PLAN)
    assert not torch.allclose(out, engine.run(JOB, PLAN))


def test_every_model_call_is_reported(engine: Engine) -> None:
    seen: list[tuple[int, int]] = []
    Engine(engine.parts, batch=4).run(JOB, PLAN, lambda done, total: seen.append((done, total)))
    # two pictures of three candidates, with and without their prompt: three calls of four rows
    assert seen == [(i, 9) for i in range(1, 10)]


@pytest.mark.parametrize("side", ["height", "width"])
def test_a_size_that_the_model_cannot_make_is_refused(engine: Engine, side: str) -> None:
    with pytest.raises(RequestError) as error:
        engine.run(replace(JOB, **{side: 72}), PLAN)  # type: ignore[arg-type]
    assert error.value.code == f"bad_{side}"


def test_a_plan_of_another_set_is_refused(engine: Engine) -> None:
    with pytest.raises(PlanError):
        engine.run(JOB, make_plan("exact", 2, 8, 3))

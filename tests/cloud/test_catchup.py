"""A late branching is made up for exactly where predictions differ by what does not change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from obclip.cloud import catchup
from obclip.cloud.catchup import catch_up, stood_for
from obclip.cloud.engine import Engine
from obclip.cloud.plan import Mix, Node, Plan, Step, singles
from obclip.cloud.planner import build
from obclip.cloud.recipe import Recipe
from obclip.cloud.sets import copies, level, main_effects, marginals
from obclip.cloud.state import State
from obclip.diffusion.sampling import make_scheduler
from obclip.errors import PlanError
from tests.cloud.test_techniques import JOB, SIZES, SPLIT, STEPS
from tests.tiny import SCHEDULER

NODES = level((2, 2), [0, 1])
WHOLE = ((0, 1, 2, 3),)
COPIES = copies(WHOLE, NODES)


def predicted(kind: str, state: State, timestep: Tensor, clean: Tensor) -> Tensor:
    """What a model says that sees the clean pictures ``clean`` in any latents."""
    bar = state.scheduler.alphas_cumprod[int(timestep)]
    alpha, sigma = bar.sqrt(), (1 - bar).sqrt()
    noise = (state.latents - alpha * clean) / sigma
    return {"epsilon": noise, "v_prediction": alpha * noise - sigma * clean, "sample": clean}[kind]


def run(
    kind: str,
    solver: str,
    branch: int,
    zero: bool,
    share: float,
    old: tuple[Node, ...] = WHOLE,
    mix: Mix = COPIES,
    stop: int = 7,
) -> Tensor:
    """What step ``stop`` sees, of candidates that nodes ``old`` stand for until ``branch``."""
    config: dict[str, Any] = {**SCHEDULER, "prediction_type": kind}
    if zero:
        config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
                   "steps_offset": 0, "set_alpha_to_one": True}  # fmt: skip
    scheduler = make_scheduler(solver, config, 10)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    torch.manual_seed(0)
    clean = torch.randn(1, 4, 3, 2, 2)
    start = torch.randn(1, 1, 3, 2, 2) * scheduler.init_noise_sigma
    nodes = len(old) if branch else 4
    state = State(start.expand(-1, nodes, -1, -1, -1).clone(), scheduler)
    for index in range(stop + 1):
        timestep = scheduler.timesteps[index]
        if branch and index == branch:
            state.mix(mix)
        early = torch.stack([clean[:, list(node)].mean(1) for node in old], 1)
        seen = early if index < branch else clean
        prediction = predicted(kind, state, timestep, seen)
        if branch and index == branch:
            prediction = catch_up(state, prediction, timestep, NODES, old, mix, share)
        if index < stop:
            state.step(prediction, timestep)
    return state.latents


@pytest.mark.parametrize(("kind", "zero"), [("epsilon", False), ("v_prediction", False),
                                            ("v_prediction", True), ("sample", False)])  # fmt: skip
@pytest.mark.parametrize("solver", ["dpm++", "ddim"])
def test_constant_differences_are_made_up_for_exactly(kind: str, zero: bool, solver: str) -> None:
    exact = run(kind, solver, 0, zero, 1.0)
    torch.testing.assert_close(run(kind, solver, 4, zero, 1.0), exact, rtol=1e-4, atol=1e-4)
    late = (run(kind, solver, 4, zero, 0.0) - exact).norm()
    half = (run(kind, solver, 4, zero, 0.5) - exact).norm()
    assert late > 0.01
    assert float(half) == pytest.approx(float(late) / 2, rel=0.05)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_latent_of_fresh_noise_is_made_up_for_whole(kind: str) -> None:
    """A consistency model's latent is its last picture and new noise: nothing is left of before."""
    exact = run(kind, "lcm", 0, False, 1.0, stop=4)
    torch.testing.assert_close(run(kind, "lcm", 4, False, 1.0, stop=4), exact, rtol=1e-4, atol=1e-4)
    assert (run(kind, "lcm", 4, False, 0.0, stop=4) - exact).norm() > 0.01


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("solver", ["dpm++", "ddim"])
def test_interactions_that_sums_left_out_are_made_up_for_exactly(kind: str, solver: str) -> None:
    sums = (marginals((2, 2), 0), main_effects((2, 2), 0))
    exact = run(kind, solver, 0, False, 1.0)
    made_up = run(kind, solver, 4, False, 1.0, *sums)
    torch.testing.assert_close(made_up, exact, rtol=1e-4, atol=1e-4)
    assert (run(kind, solver, 4, False, 0.0, *sums) - exact).norm() > 0.01


def test_a_memory_that_is_not_moved_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = catchup.catch_up

    def forgetful(state: State, *given: Any) -> Tensor:
        before = list(state.scheduler.model_outputs)
        out = sound(state, *given)
        state.scheduler.model_outputs[:] = before
        return out

    monkeypatch.setitem(run.__globals__, "catch_up", forgetful)
    with pytest.raises(AssertionError):
        test_constant_differences_are_made_up_for_exactly("epsilon", False, "dpm++")


def test_siblings_are_those_of_one_parent() -> None:
    pairs = level((2, 2), [0])
    values = torch.tensor([1.0, 3.0, 10.0, 30.0])[None, :, None]
    found = stood_for(values, NODES, pairs, copies(pairs, NODES))
    assert found.flatten().tolist() == [2.0, 2.0, 20.0, 20.0]


def test_the_mean_of_the_set_stays_where_it_is(engine: Engine) -> None:
    """Whoever gains, nobody loses: at the branching the candidates' mean is that without."""
    means = []
    for share in (0.0, 1.0):
        recipe = Recipe(branch=(-1.0,), tree=False, catch_up=share)
        chosen = build(recipe, 6, STEPS, SPLIT, SIZES)
        branch = next(i for i, step in enumerate(chosen.program) if step.mix is not None)
        short = replace(chosen, split=branch + 1, program=chosen.program[: branch + 1], alone=None)
        means.append(engine.run(replace(JOB, scheduler="ddim"), short).mean(1))
    torch.testing.assert_close(*means, rtol=1e-4, atol=1e-4)


def test_only_new_nodes_can_be_made_up_for() -> None:
    steps = (Step(singles(2)), Step(singles(2), catch_up=1.0))
    with pytest.raises(PlanError, match="step 1: bad catch-up"):
        Plan("x", 2, 5, 2, steps)
    with pytest.raises(PlanError, match="catch_up"):
        Recipe(catch_up=2.5)

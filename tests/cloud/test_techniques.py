"""Exact techniques equal ``exact``; the others stay within a bound and differ from it.

Bounds are a tenth over what is measured on these tiny random-weight models, so that a technique
that is broken does not keep them (``test_broken``).
"""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from obclip.cloud import guidance as guidance_module
from obclip.cloud import state as state_module
from obclip.cloud.engine import Engine, Job
from obclip.cloud.passes import Passes
from obclip.cloud.plan import Features, Kind, Plan, Step, singles
from obclip.cloud.planner import NAMED, SINGLE, build, make_plan
from obclip.cloud.recipe import Recipe
from obclip.cloud.sets import main_effects, marginals
from obclip.cloud.state import mixed
from obclip.diffusion.denoiser import Conditioning
from obclip.errors import PlanError

SIZES = (2, 3)
PROMPTS = tuple(f"a {age} {who}" for who in ("woman", "man") for age in ("young", "grown", "old"))
JOB = Job(
    prompts=PROMPTS, negatives=(), scheduler="dpm++", guidance=4.0, height=64, width=64, images=2,
    seed=5,
)  # fmt: skip
STEPS, SPLIT = 12, 6


def plan(name: str) -> Plan:
    return make_plan(name, 6, STEPS, SPLIT, SIZES)


def distance(engine: Engine, one: Plan, other: Plan, job: Job = JOB) -> float:
    a, b = engine.run(job, one), engine.run(job, other)
    return float((a - b).norm() / b.norm())


def test_the_first_unconditional_pass_is_common(engine: Engine) -> None:
    for scheduler in ("dpm++", "ddim"):
        job = replace(JOB, scheduler=scheduler)
        assert distance(engine, plan("first-step"), plan("exact"), job) <= 1e-4


def test_a_tree_of_one_leaf_each_is_exact(engine: Engine) -> None:
    """Branching is free of error: identity mixes in mid-run change nothing."""
    exact = plan("exact")
    steps = list(exact.program)
    pairs = tuple((i, i) for i in range(6))
    same = tuple(tuple(float(i == j) for j in range(6)) for i, _ in pairs)
    turned = tuple((i,) for i in reversed(range(6)))
    flip = tuple(reversed(same))
    steps[2] = Step(turned, flip)
    steps[3] = Step(singles(6), flip)
    assert distance(engine, replace(exact, program=tuple(steps)), exact) <= 1e-4


def test_branching_without_the_solvers_memory_is_noticed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above fails when the stored model outputs are not mixed with the latents."""

    def forgetful(self: state_module.State, matrix: object) -> None:
        self.latents = mixed(self.latents, matrix)  # type: ignore[arg-type]

    monkeypatch.setattr(state_module.State, "mix", forgetful)
    with pytest.raises(AssertionError):
        test_a_tree_of_one_leaf_each_is_exact(engine)


def test_equal_prompts_make_every_plan_but_the_caches_exact(engine: Engine) -> None:
    """With one text for all nodes, trunk, tree, sums and shared passes lose nothing."""
    job = replace(JOB, prompts=("a woman",) * 6)
    for name in ("trunk", "tree", "additive", "shared-uncond", "first-step"):
        assert distance(engine, plan(name), plan("exact"), job) <= 1e-4, name


def test_sums_are_exact_for_what_is_additive() -> None:
    torch.manual_seed(0)
    sizes = (2, 3, 4)
    effects = [torch.randn(s, 5) for s in sizes]
    whole = torch.stack([
        effects[0][a] + effects[1][b] + effects[2][c]
        for a in range(2) for b in range(3) for c in range(4)
    ])  # fmt: skip
    for crossed in (0, 1):
        nodes = torch.stack([whole[list(node)].mean(0) for node in marginals(sizes, crossed)])
        found = mixed(nodes[None], main_effects(sizes, crossed))[0]
        torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)


Texts = tuple[Conditioning, Conditioning]


def follow(engine: Engine, name: str, patch: pytest.MonkeyPatch) -> None:
    """Lets predicted noise follow the latent, as a trained model's does and random weights' does
    not: what a common pass shares of noise is right there alone."""
    if name != "shared-uncond" or engine.parts.schedule.prediction_type != "epsilon":
        return
    sound = Passes.__call__

    def following(self: Passes, index: int, at: Tensor, without: Tensor | None, latents: Tensor,
                  texts: Texts) -> tuple[Tensor | None, Tensor]:  # fmt: skip
        unguided, guided = sound(self, index, at, without, latents, texts)
        return None if unguided is None else without + 0.1 * unguided, latents + 0.1 * guided

    patch.setattr(Passes, "__call__", following)


@pytest.mark.parametrize("name", [n for n in [*NAMED, *SINGLE] if n not in ("exact", "first-step")])
def test_an_approximation_stays_near(
    engine: Engine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(engine, name, monkeypatch)
    assert 1e-6 < distance(engine, plan(name), plan("exact")) <= bound(engine, name)


#: Relative distance to ``exact``, a tenth over what is measured: (SD-1.x kind, SDXL kind).
BOUNDS = {
    "paper-cache": (0.00705, 0.01467), "paper-reuse": (0.0092, 0.0146),
    "balanced": (0.0508, 0.01881), "fast": (0.05089, 0.01903), "trunk": (0.03178, 0.00317),
    "catch-up": (0.02937, 0.00106), "tree": (0.03393, 0.00586), "shared-uncond": (0.0034, 0.00833),
    "carried": (0.05313, 0.01052), "interval": (0.07872, 0.00746), "deep": (0.03709, 0.00894),
    "additive": (0.03185, 0.00509),
}  # fmt: skip


def bound(engine: Engine, name: str) -> float:
    return BOUNDS[name]["XL" in engine.parts.family]


def test_a_carried_difference_that_is_lost_is_noticed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = distance(engine, plan("carried"), plan("exact"))
    monkeypatch.setattr(
        "obclip.cloud.engine.guided",
        lambda c, d, g: guidance_module.guided(c, None if d is None else 0 * d, g),
    )
    broken = engine.run(JOB, plan("carried"))
    monkeypatch.undo()
    exact = engine.run(JOB, plan("exact"))
    assert float((broken - exact).norm() / exact.norm()) > 1.5 * good


def test_deep_features_of_another_candidate_are_noticed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = engine.run(JOB, plan("deep"))
    from obclip.cloud.unet import Kept

    entry = Passes._entry

    def shifted(self: Passes, kind: Kind, border: int) -> Kept | None:
        found = entry(self, kind, border)
        return None if found is None else Kept(found.hidden.roll(1, 0), found.skips)

    monkeypatch.setattr(Passes, "_entry", shifted)
    exact = engine.run(JOB, plan("exact"))
    assert float((engine.run(JOB, plan("deep")) - exact).norm()) > 1.2 * float(
        (good - exact).norm()
    )


@pytest.mark.parametrize("name", [*NAMED, *SINGLE])
def test_batches_never_change_a_plan(engine: Engine, name: str) -> None:
    small = Engine(engine.parts, batch=4)
    torch.testing.assert_close(
        small.run(JOB, plan(name)), engine.run(JOB, plan(name)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("name", [*NAMED, *SINGLE])
def test_pictures_do_not_mix(engine: Engine, name: str) -> None:
    alone = engine.run(replace(JOB, images=1), plan(name))
    torch.testing.assert_close(engine.run(JOB, plan(name))[:1], alone, rtol=1e-3, atol=1e-3)


def test_a_run_leaves_nothing_behind(engine: Engine) -> None:
    first = engine.run(JOB, plan("balanced"))
    engine.run(replace(JOB, seed=6), plan("paper-reuse"))
    assert torch.equal(engine.run(JOB, plan("balanced")), first)


def test_without_guidance_no_unconditional_pass_is_run(engine: Engine) -> None:
    job = replace(JOB, guidance=1.0)
    assert distance(engine, plan("shared-uncond"), plan("exact"), job) <= 1e-6


def test_a_plan_that_does_not_fit_the_model_is_refused_before_any_compute(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "_unconditional", lambda *_: pytest.fail("computed"))
    deep = build(Recipe(refresh=2, depth=50), 6, STEPS, SPLIT)
    with pytest.raises(PlanError, match="does not fit the model; got depth 50, where 1 to"):
        engine.run(JOB, deep)
    many = replace(JOB, prompts=tuple(map(str, range(65))))
    with pytest.raises(PlanError, match="got 65; expected 1 to 64"):
        engine.run(many, make_plan("exact", 65, STEPS, SPLIT))


def test_an_odd_model_runs_whole_passes_only(engine: Engine) -> None:
    parts = copy.copy(engine.parts)
    odd = copy.copy(parts.unet)
    odd.encoder_hid_proj = torch.nn.Identity()
    with pytest.raises(PlanError, match="a projection"):
        Engine(replace(parts, unet=odd)).check_plan(
            Plan("x", 1, 3, 2, (Step(((0,),)), Step(((0,),), kind=Kind(Features.SHALLOW, depth=1))))
        )
    Engine(replace(parts, unet=odd)).check_plan(make_plan("tree", 6, STEPS, SPLIT, SIZES))

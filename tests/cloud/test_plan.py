"""A plan is plain data: steps over nodes that say exactly what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from obclip.cloud.cost import counter, pass_flops, plan_cost
from obclip.cloud.plan import Attention, Features, Guidance, Kind, Plan, Step, singles
from obclip.cloud.planner import NAMED, SINGLE, build, make_plan
from obclip.cloud.recipe import Recipe
from obclip.cloud.schedule import SD, first_step, log_snr
from obclip.diffusion.architectures import SD1
from obclip.errors import PlanError
from obclip.protocol.schedule import NoiseSchedule

SETS = [(1, ()), (2, (2,)), (6, (2, 3)), (30, (2, 3, 5)), (12, (3, 1, 4)), (7, None), (7, (2, 3))]
#: Shares of a whole pass, near enough to SD-1.x at 512 px to compare plans.
SHARES = {Features.FULL: 1000, Features.SHALLOW: 224, Features.SKIP: 675}


#: Counted once: SD-1.x at 512 px.
COUNT = counter(SD1, 64, 64, 77)


def cost(name: str, n: int, sizes: tuple[int, ...], split: int = 10) -> float:
    return plan_cost(make_plan(name, n, 25, split, sizes), COUNT).ratio


@pytest.mark.parametrize("name", [*NAMED, *SINGLE])
@pytest.mark.parametrize(("n", "sizes"), SETS)
@pytest.mark.parametrize(("steps", "split"), [(1, 0), (1, 1), (25, 5), (25, 10), (8, 8), (50, 20)])
def test_every_named_plan_fits_every_set(
    name: str, n: int, sizes: tuple[int, ...] | None, steps: int, split: int
) -> None:
    plan = make_plan(name, n, steps, split, sizes)
    assert (len(plan.cells), {len(row) for row in plan.cells}) == (n, {split})
    assert [len(line) for line in plan.picture().splitlines()] == [steps] * n
    if plan.program and plan.answer is None:
        assert plan.program[-1].nodes == singles(n)


@pytest.mark.parametrize("name", [n for n in [*NAMED, *SINGLE] if n != "paper-reuse"])
@pytest.mark.parametrize(("n", "sizes"), SETS)
def test_no_plan_treats_one_candidate_differently(
    name: str, n: int, sizes: tuple[int, ...] | None
) -> None:
    """Each candidate is in as many runs, of the same sizes, at each step as any other."""
    for step in make_plan(name, n, 25, 10, sizes).program:
        seen = [Counter(len(node) for node in step.nodes if i in node) for i in range(n)]
        assert seen == [seen[0]] * n
        assert step.kind.attention is not Attention.PIVOT


@pytest.mark.parametrize("name", [*NAMED, *SINGLE])
@pytest.mark.parametrize(("n", "sizes"), SETS)
@pytest.mark.parametrize("split", [1, 3, 5, 10])
def test_every_candidate_is_told_from_every_other_in_the_last_step(
    name: str, n: int, sizes: tuple[int, ...] | None, split: int
) -> None:
    nodes = make_plan(name, n, 25, split, sizes).program[-1].nodes
    assert len({tuple(i in node for node in nodes) for i in range(n)}) == n


def test_a_set_that_is_no_product_is_told_so() -> None:
    assert "neither tree nor sums" in make_plan("tree", 7, 25, 10, (2, 3)).note
    assert make_plan("tree", 6, 25, 10, (2, 3)).note == ""


def test_exact_shares_nothing() -> None:
    plan = make_plan("exact", 6, 25, 10)
    assert {(s.nodes, s.guidance, s.kind) for s in plan.program} == {
        (singles(6), Guidance.OWN, Kind())
    }


def test_the_tree_branches_attribute_by_attribute_the_smallest_first() -> None:
    plan = make_plan("tree", 30, 25, 10, (5, 2, 3))
    assert [len(s.nodes) for s in plan.program] == [1] * 4 + [2] * 2 + [6] * 2 + [30] * 2
    assert plan.program[4].nodes[0] == tuple(i for i in range(30) if i // 3 % 2 == 0)


def test_sums_need_as_many_runs_as_there_are_values() -> None:
    plan = make_plan("additive", 30, 25, 10, (2, 3, 5))
    assert [len(s.nodes) for s in plan.program] == [1] * 4 + [10] * 5 + [30]
    crossed = build(Recipe(branch=(-3.4,), additive=4, crossed=1), 30, 25, 10, (2, 3, 5))
    assert len(crossed.program[5].nodes) == 2 * (3 + 5)


def test_branch_points_carry_over_to_another_number_of_steps() -> None:
    for steps in (10, 25, 50, 100):
        plan = make_plan("trunk", 2, steps, steps)
        trunk = sum(len(s.nodes) == 1 for s in plan.program)
        assert log_snr(SD, steps)[trunk - 1] < -3.4 <= log_snr(SD, steps)[trunk]


@pytest.mark.parametrize("steps", [10, 25, 50])
def test_renewals_carry_over_to_another_number_of_steps(steps: int) -> None:
    recipe = Recipe(branch=(-4.0,), tree=False, renew=(-3.1,), refresh=99, guidance_every=99)
    program = build(recipe, 2, steps, steps, (2,)).program
    at = first_step(SD, steps, -3.1)
    born = [i for i, step in enumerate(program) if step.mix is not None]
    whole = [i for i, s in enumerate(program) if s.kind == Kind()]
    guided = [i for i, s in enumerate(program) if s.unconditional]
    assert whole == guided == [*range(born[0]), *born, at]


@pytest.mark.parametrize("steps", [10, 25, 50])
def test_sums_end_at_the_same_noise_whatever_the_number_of_steps(steps: int) -> None:
    recipe = Recipe(branch=(-4.0,), additive=4, alone=1, alone_from=-2.7)
    program = build(recipe, 6, steps, steps, (2, 3)).program
    at = first_step(SD, steps, -2.7)
    assert [len(step.nodes) for step in program[at - 1 : at + 1]] == [5, 6]
    assert all(len(step.nodes) == 6 for step in program[at:])


def test_steps_alone_and_their_log_snr_the_sooner_one_holds() -> None:
    late = Recipe(branch=(-4.0,), additive=4, alone=5, alone_from=-1.8)
    program = build(late, 6, 25, 10, (2, 3)).program
    assert [len(step.nodes) for step in program[-6:]] == [5, *[6] * 5]


def test_kept_features_age_no_more_than_the_branching_allowed() -> None:
    """Named plans renew to the end, so that any split and any schedule is served."""
    for name in ("balanced", "fast"):
        for schedule in (SD, replace(SD, beta_start=1e-5, beta_end=1e-3)):
            snr = log_snr(schedule, 50)
            program = make_plan(name, 2, 50, 50, (2,), schedule).program
            whole = [snr[i] for i, step in enumerate(program) if step.kind == Kind()]
            assert whole[0] == snr[0]
            # zero SNR is before all else; later the picture is done and single steps leap by 3
            whole = [at for at in whole if np.isfinite(at) and at < 6]
            gaps = [b - a for a, b in pairwise(whole)]
            assert max(gaps) < 2.2


def test_a_sum_inherits_the_guidance_where_whole_passes_are_rare() -> None:
    rare = Recipe(branch=(-4.0,), additive=4, alone=2, refresh=9)
    program = build(rare, 30, 25, 10, (2, 3, 5)).program
    assert [s.guidance for s in program[-3:]] == [Guidance.OWN, *[Guidance.CARRIED] * 2]
    often = build(replace(rare, refresh=1), 30, 25, 10, (2, 3, 5)).program
    assert {s.guidance for s in often} == {Guidance.OWN}


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("zero", [False, True])
def test_log_snr_is_that_of_the_solver(spacing: str, zero: bool) -> None:
    import torch

    from obclip.diffusion.sampling import make_scheduler

    config = {
        "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "timestep_spacing": spacing, "steps_offset": 1,
        "rescale_betas_zero_snr": zero, "prediction_type": "v_prediction",
    }  # fmt: skip
    solver = make_scheduler("dpm++", config, 25)
    alphas = solver.alphas_cumprod[solver.timesteps]
    ours = log_snr(NoiseSchedule.of(config), 25)
    start = 1 if zero else 0  # pure noise: minus infinity here, nearly so there
    torch.testing.assert_close(
        torch.tensor(ours[start:]), torch.log(alphas / (1 - alphas))[start:], rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nope", 2, 25, 10), "unknown_plan"),
        (("exact", 0, 25, 10), "bad_n"),
        (("exact", 2, 0, 0), "bad_steps"),
        (("exact", 2, 25, 26), "bad_split"),
        (("exact", 2, 25, -1), "bad_split"),
    ],
)
def test_what_cannot_be_planned_is_told(arguments: tuple[str, int, int, int], code: str) -> None:
    with pytest.raises(PlanError) as error:
        make_plan(*arguments)
    assert error.value.code == code


ONE, TWO = ((0, 1),), singles(2)
SHALLOW = Kind(Features.SHALLOW, depth=2)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ((Step(TWO),) * 3, "steps in the program"),
        ((Step(((0,),)), Step(TWO)), "step 0: bad nodes"),
        ((Step(((0, 2),)), Step(TWO)), "step 0: bad node"),
        ((Step(ONE), Step(TWO)), "step 1: bad mix"),
        ((Step(ONE), Step(TWO, ((1.0,),))), "step 1: bad mix"),
        ((Step(ONE), Step(TWO, ((1.0,), (0.5,)))), "step 1: bad mix"),
        ((Step(TWO, guidance=Guidance.CARRIED), Step(TWO)), "step 0: bad guidance"),
        ((Step(TWO, kind=SHALLOW), Step(TWO)), "step 0: bad features"),
        ((Step(ONE), Step(TWO, ((1.0,), (1.0,)), kind=SHALLOW)), "step 1: bad features"),
        ((Step(TWO), Step(TWO, kind=Kind(Features.SHALLOW))), "step 1: bad depth"),
        ((Step(TWO), Step(TWO, guidance=Guidance.SHARED, kind=SHALLOW)), "step 1: bad guidance"),
        ((Step(TWO, kind=Kind(attention=Attention.CACHED)), Step(TWO)), "step 0: bad attention"),
        ((Step(ONE), Step(ONE)), "last nodes"),
    ],
)
def test_a_program_that_cannot_run_is_refused(program: tuple[Step, ...], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        Plan("x", 2, 5, 2, program)


@pytest.mark.parametrize(
    "fields",
    [
        {"refresh": 0},
        {"depth": 0},
        {"branch": (1.0, 0.0)},
        {"alone": 0},
        {"share_until": 101.0},
        {"alone_from": -101.0},
        {"renew": (1.0, 0.0)},
    ],
)
def test_a_recipe_out_of_range_is_refused(fields: dict[str, int]) -> None:
    with pytest.raises(PlanError) as error:
        Recipe(**fields)  # type: ignore[arg-type]
    assert error.value.code == "bad_recipe"


def test_the_cost_of_exact_is_n_times_k_over_t() -> None:
    found = plan_cost(make_plan("exact", 6, 25, 10), 1000)
    assert (found.flops, found.ratio, found.ratio_cached) == (120_000, 2.4, 2.4)


@pytest.mark.parametrize(
    ("n", "sizes", "most"), [(2, (2,), 0.40), (6, (2, 3), 0.65), (30, (2, 3, 5), 1.8)]
)
def test_our_plans_cost_at_most_what_is_promised(
    n: int, sizes: tuple[int, ...], most: float
) -> None:
    assert cost("fast", n, sizes) <= cost("balanced", n, sizes) <= most
    assert cost("balanced", n, sizes, 5) <= most


@pytest.mark.parametrize("name", ["balanced", "fast"])
def test_a_set_of_one_renews_its_guidance_where_others_branch(name: str) -> None:
    """Else guidance that is carried from the branching on would come from pure noise."""

    def renewals(n: int) -> list[int]:
        program = make_plan(name, n, 25, 10, (n,) if n > 1 else ()).program
        return [i for i, step in enumerate(program) if step.unconditional]

    assert renewals(1) == renewals(2)
    assert max(renewals(1)) > 0


def test_a_second_ratio_compares_with_a_cloud_that_caches_as_hard() -> None:
    plan = make_plan("deep", 1, 25, 25)
    assert plan_cost(plan, lambda kind, rows: rows * SHARES[kind.features]).ratio_cached == 1.0


def test_a_pass_of_stable_diffusion_costs_what_is_published() -> None:
    """About 0.34 T multiply-adds, hence 0.68 TFLOP (BK-SDM, arXiv 2305.15798, table 2)."""
    assert pass_flops(SD1, 64, 64, 77) / 1e12 == pytest.approx(0.68, rel=0.2)


@pytest.mark.parametrize(
    ("name", "n", "split", "published"),
    [
        ("paper-cache", 2, 10, 0.63), ("paper-cache", 6, 10, 1.89), ("paper-reuse", 2, 10, 0.59),
        ("paper-reuse", 6, 10, 1.77), ("paper-cache", 2, 5, 0.33), ("paper-cache", 6, 5, 0.99),
        ("paper-reuse", 2, 5, 0.31), ("paper-reuse", 6, 5, 0.90),
    ],
)  # fmt: skip
def test_the_published_plans_cost_what_is_published(
    name: str, n: int, split: int, published: float
) -> None:
    """Table 7 of the paper, within the 5 % that an unstated detail may make."""
    found = plan_cost(make_plan(name, n, 25, split), counter(SD1, 64, 64, 77))
    assert found.ratio == pytest.approx(published, rel=0.05)

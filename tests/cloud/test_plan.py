"""A plan is plain data: a table that says exactly what it costs."""

from __future__ import annotations

import pytest

from obclip.cloud.cost import pass_flops, plan_cost
from obclip.cloud.plan import Cell, Plan
from obclip.cloud.planner import NAMED, make_plan
from obclip.diffusion.architectures import SD1
from obclip.errors import PlanError


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(("n", "steps", "split"), [(1, 1, 0), (2, 25, 10), (30, 25, 25)])
def test_every_named_plan_is_a_table_of_candidates_and_steps(
    name: str, n: int, steps: int, split: int
) -> None:
    plan = make_plan(name, n, steps, split)
    assert (len(plan.cells), {len(row) for row in plan.cells}) == (n, {split})
    assert [len(line) for line in plan.picture().splitlines()] == [steps] * n


def test_exact_shares_nothing() -> None:
    assert make_plan("exact", 6, 25, 10).count(Cell.FULL) == 60


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


def test_a_table_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(PlanError):
        Plan("x", 2, 5, 3, ((Cell.FULL,) * 3,))


def test_the_cost_of_exact_is_n_times_k_over_t() -> None:
    cost = plan_cost(make_plan("exact", 6, 25, 10), 1000)
    assert (cost.flops, cost.ratio, cost.ratio_cached) == (120_000, 2.4, 2.4)


def test_a_pass_of_stable_diffusion_costs_what_is_published() -> None:
    """About 0.34 T multiply-adds, hence 0.68 TFLOP (BK-SDM, arXiv 2305.15798, table 2)."""
    assert pass_flops(SD1, 64, 64, 77) / 1e12 == pytest.approx(0.68, rel=0.2)

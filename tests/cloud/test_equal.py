"""No plan shipped by name treats one candidate differently: renaming values renames the results.

Candidates are permuted by renaming the values of each attribute (woman for man, young for old):
what a plan computes must be permuted alike, and nothing else may change. With a pivot it is not so.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch

from obclip.cloud.engine import Engine
from obclip.cloud.planner import NAMED, SINGLE, make_plan
from tests.cloud.test_techniques import JOB, SIZES, SPLIT, STEPS

#: Every renaming of 2 x 3 values that changes something is made of these.
RENAMINGS = {
    "genders": ((1, 0), (0, 1, 2)),
    "two ages": ((0, 1), (1, 0, 2)),
    "all": ((1, 0), (2, 0, 1)),
}


def renamed(genders: tuple[int, ...], ages: tuple[int, ...]) -> list[int]:
    """Where each candidate of the renamed set stood before."""
    return [genders[g] * len(ages) + ages[a] for g, a in product(range(2), range(3))]


def uneven(engine: Engine, name: str, sizes: tuple[int, ...] | None, order: list[int]) -> float:
    """Relative difference between permuting the prompts and permuting the results."""
    plan = make_plan(name, 6, STEPS, SPLIT, sizes)
    before = engine.run(replace(JOB, images=1), plan)
    other = replace(JOB, images=1, prompts=[JOB.prompts[i] for i in order])
    after = engine.run(other, plan)
    return float((after - before[:, order]).norm() / before.norm())


@pytest.mark.parametrize("renaming", RENAMINGS)
@pytest.mark.parametrize("name", [n for n in [*NAMED, *SINGLE] if n != "paper-reuse"])
def test_renaming_values_renames_the_results(engine: Engine, name: str, renaming: str) -> None:
    assert uneven(engine, name, SIZES, renamed(*RENAMINGS[renaming])) <= 1e-5


@pytest.mark.parametrize("name", [n for n in NAMED if n != "paper-reuse"])
def test_without_sizes_any_order_will_do(engine: Engine, name: str) -> None:
    assert uneven(engine, name, None, [3, 5, 0, 2, 4, 1]) <= 1e-5


def test_a_pivot_is_noticed(engine: Engine) -> None:
    assert uneven(engine, "paper-reuse", SIZES, renamed(*RENAMINGS["genders"])) > 5e-4


@pytest.mark.parametrize("name", [*NAMED, *SINGLE])
def test_equal_requests_give_equal_bytes(engine: Engine, name: str) -> None:
    plan = make_plan(name, 6, STEPS, SPLIT, SIZES)
    assert torch.equal(engine.run(JOB, plan), engine.run(JOB, plan))

"""Memory and seconds of a plan are known before it runs."""

from __future__ import annotations

import pytest

from obclip.cloud.engine import Engine
from obclip.cloud.memory import largest_batch, peak_bytes
from obclip.cloud.planner import make_plan
from obclip.cloud.seconds import Seconds, calibrate
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import find
from obclip.errors import PlanError


@pytest.fixture(scope="module")
def engine(tiny_pair: str) -> Engine:
    return Engine(load(find(tiny_pair).cloud, vae=False))


def peak(engine: Engine, name: str, n: int, batch: int) -> int:
    plan = make_plan(name, n, 12, 6, (n,))
    return peak_bytes(plan, dict(engine.parts.unet.config), 8, 8, 77, batch=batch)


def test_the_peak_grows_with_the_batch_and_with_what_is_kept(engine: Engine) -> None:
    weights = 4 * sum(p.numel() for p in engine.parts.unet.parameters())
    assert weights < peak(engine, "exact", 6, 1) < peak(engine, "exact", 6, 4)
    assert peak(engine, "exact", 6, 4) == peak(engine, "exact", 30, 4)
    assert peak(engine, "exact", 6, 1) < peak(engine, "deep", 6, 1) < peak(engine, "deep", 30, 1)
    assert peak(engine, "deep", 6, 1) < peak(engine, "paper-cache", 6, 1)


def test_a_batch_is_found_for_a_budget(engine: Engine) -> None:
    config, plan = dict(engine.parts.unet.config), make_plan("balanced", 6, 12, 6, (2, 3))

    def at(batch: int) -> int:
        return peak_bytes(plan, config, 8, 8, 77, batch=batch)

    assert largest_batch(plan, config, 8, 8, 77, budget=at(3)) == 3
    assert largest_batch(plan, config, 8, 8, 77, budget=10 * at(12)) == 12
    with pytest.raises(PlanError, match=f"expected {at(1)} bytes or more"):
        largest_batch(plan, config, 8, 8, 77, budget=at(1) - 1)


def test_seconds_are_added_up_call_by_call() -> None:
    plan = make_plan("exact", 3, 10, 2)
    kind = plan.program[0].kind
    # six rows in calls of four and two, twice
    assert Seconds({kind: (1.0, 0.5)}).of(plan, batch=4) == pytest.approx(2 * (2 * 1.0 + 6 * 0.5))
    assert Seconds({kind: (1.0, 0.5)}).of(plan, batch=4, guidance=False) == 2 * (1.0 + 3 * 0.5)


def test_a_calibration_knows_every_kind_of_a_plan(engine: Engine) -> None:
    for name in ("balanced", "paper-reuse"):
        plan = make_plan(name, 6, 12, 6, (2, 3))
        found = calibrate(engine.parts.unet, plan, 8, 8, 77, rows=2, runs=1)
        assert set(found.kinds) >= {step.kind for step in plan.program}
        assert found.of(plan, batch=16) > 0

"""The plan against the oracle's schedules, which share nothing with it: equal up to rounding."""

from __future__ import annotations

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from tests.builders import plan_of
from tests.oracle import schedules
from tests.schedules import NAMES, parts

U = 3
"""Updates per epoch."""


TINY = 1e-300
"""Far below any rate: numbers near the end of float64's range are not rounded to 1e-12 of it."""


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_the_plan_agrees(name: str, data: st.DataObject) -> None:
    values = data.draw(parts((name,)))
    try:
        plan = Plan.of(Spec(**values), micro_batches_per_epoch=U)
    except PlanError:
        reject()
    t = data.draw(st.integers(0, plan.horizon + 50))
    dumped = plan.spec.model_dump()
    run = schedules.sizes(dumped, U)
    top = float(plan.lr_curve().max())

    assert (run.updates, run.warmup, run.horizon * run.unit + run.moved) == (
        plan.total_updates,
        plan.warmup_updates,
        plan.horizon,
    )
    expected = schedules.rate(dumped, run, t)
    assert plan.lr_at(t) == pytest.approx(expected, rel=1e-12, abs=max(1e-13 * top, TINY))


def test_the_comparison_objects() -> None:
    """To a boundary that belongs to the other side."""
    step = {"name": "step", "every": 3, "gamma": 0.5}
    optimizer = {"name": "adamw", "lr": 1.0}
    plan = plan_of(U, optimizer=optimizer, schedule=step, duration={"updates": 9})
    dumped = plan.spec.model_dump()
    run = schedules.sizes(dumped, U)
    shifted = [schedules.rate(dumped, run, t - 1) for t in range(1, 9)]

    assert [plan.lr_at(t) for t in range(1, 9)] != pytest.approx(shifted)

"""The native schedule of every backend gives `plan.lr_at(t)`, to the last bit, at every t."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.testing import PAST_THE_END, native_rates

SCHEDULES = [
    {"name": "constant"},
    {"name": "linear"},
    {"name": "cosine", "half_waves": 1},
    {"name": "cosine", "half_waves": 2},
    {"name": "cosine", "half_waves": 0.7},
    {"name": "cosine_with_restarts", "cycles": 1},
    {"name": "cosine_with_restarts", "cycles": 0.5},
    {"name": "cosine_with_restarts", "cycles": 3},
    {"name": "polynomial", "power": 1, "end_lr": 1e-7},
    {"name": "polynomial", "power": 2.5, "end_lr": 0},
    {"name": "inverse_sqrt", "timescale": 7},
]

SIZES = [
    # T, warmup, horizon
    (1, {"steps": 0}, None),
    (2, {"steps": 1}, None),
    (10, {"steps": 9}, None),
    (100, {"proportion": 0.07, "rounding": "floor"}, None),  # 7, though 0.07 x 100 > 7
    (100, {"proportion": 0.07, "rounding": "ceil"}, None),  # 8
    (100, {"proportion": 0.29, "rounding": "floor"}, None),  # 28, though 29 was meant
    (100, {"proportion": 0.29, "rounding": "round"}, None),  # 29
    (1001, {"proportion": 0.1, "rounding": "ceil"}, None),  # 101
    (20, {"steps": 3}, 10),  # the schedule ends before training does
    (10, {"steps": 3}, 20),  # and after
]


def plan_of(
    schedule: dict[str, Any],
    updates: int,
    warmup: dict[str, Any],
    horizon: int | None,
    lr: float = 5e-5,
) -> Plan:
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": lr},
        "schedule": schedule,
        "warmup": warmup,
        "horizon": horizon,
        "duration": {"updates": updates},
    }
    return Spec(**parts).plan(micro_batches_per_epoch=1)


def rates_used(backend: Backend, plan: Plan) -> list[float]:
    """What the live optimizer would use at t = 0 ... T - 1 and past the end."""
    return native_rates(backend, plan, plan.total_updates + PAST_THE_END)


def assert_equal_to_the_last_bit(plan: Plan, used: list[float]) -> None:
    """0 ULP: `==` on float64, the curve and the single values alike."""
    total = plan.total_updates
    assert plan.lr_curve().tolist() == used[:total]
    assert [plan.lr_at(t) for t in range(len(used))] == used


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_native_rates_equal_the_plan(
    backend: Backend, schedule: dict[str, Any], size: tuple[Any, ...]
) -> None:
    plan = plan_of(schedule, *size)
    assert_equal_to_the_last_bit(plan, rates_used(backend, plan))


proportions = st.floats(0, 0.99) | st.sampled_from([0.06, 0.07, 0.1, 0.14, 0.28, 0.29, 0.57, 0.58])
warmups = st.fixed_dictionaries(
    {"proportion": proportions, "rounding": st.sampled_from(["floor", "ceil", "round"])}
) | st.fixed_dictionaries({"steps": st.integers(0, 9_999)})
schedules = st.one_of(
    st.just({"name": "constant"}),
    st.just({"name": "linear"}),
    st.fixed_dictionaries({"name": st.just("cosine"), "half_waves": st.floats(0.1, 9)}),
    st.fixed_dictionaries({"name": st.just("cosine_with_restarts"), "cycles": st.floats(0.1, 9)}),
    st.fixed_dictionaries(
        {
            "name": st.just("polynomial"),
            "power": st.floats(0.25, 4),
            "end_lr": st.floats(0, 1e-7),
        }
    ),
    st.fixed_dictionaries({"name": st.just("inverse_sqrt"), "timescale": st.integers(1, 20_000)}),
)


@settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    schedule=schedules,
    updates=st.integers(1, 10_000),
    warmup=warmups,
    lr=st.floats(1e-6, 1.0),
)
def test_native_rates_equal_the_plan_for_random_specs(
    backend: Backend,
    schedule: dict[str, Any],
    updates: int,
    warmup: dict[str, Any],
    lr: float,
) -> None:
    try:
        plan = plan_of(schedule, updates, warmup, None, lr)
    except PlanError:
        return  # warmup not shorter than training: refused for every backend
    assert_equal_to_the_last_bit(plan, rates_used(backend, plan))


def test_the_comparison_objects_to_one_ulp(backend: Backend) -> None:
    plan = plan_of({"name": "linear"}, 10, {"steps": 2}, None)
    used = rates_used(backend, plan)
    used[5] = float(np.nextafter(used[5], 1.0))
    with pytest.raises(AssertionError):
        assert_equal_to_the_last_bit(plan, used)

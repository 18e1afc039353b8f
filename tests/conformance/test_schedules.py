"""The native schedule of every backend gives `plan.lr_at(t)`, to the last bit, at every t."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from dualtrain import Spec
from dualtrain.backend import Backend
from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.testing import PAST_THE_END, native_rates
from tests import builders
from tests.schedules import parts

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
    {"name": "step", "every": 3, "gamma": 0.9},
    {"name": "multistep", "milestones": [2, 9], "gamma": 0.3},
    {"name": "piecewise", "boundaries": [2, 9], "values": [5e-5, 7e-5, 1e-6]},
    {"name": "exponential", "gamma": 0.99},
    {"name": "natural_exp", "gamma": 0.01},
    {"name": "inverse_time", "gamma": 0.1},
    {"name": "cosine_with_min_lr", "half_waves": 1, "min_lr": 1e-6},
    {"name": "linear_annealing", "min_lr": 1e-6},
    {"name": "cosine_annealing", "min_lr": 1e-6},
    {"name": "warmup_stable_decay", "decay": 1, "shape": "one_minus_sqrt", "min_lr": 1e-6},
    {"name": "cyclic", "max_lr": 3e-4, "up": 2, "down": 3, "mode": "triangular2"},
    {"name": "cyclic", "max_lr": 3e-4, "up": 2, "down": 3, "mode": "exp_range", "gamma": 0.99},
    {"name": "cosine_annealing_warm_restarts", "first": 3, "multiplier": 2, "min_lr": 1e-6},
    {"name": "polynomial", "power": 2, "end_lr": 1e-7, "cycle": True},
    {"name": "table", "multipliers": [1.0, 0.3, 2.0], "at": [0, 3, 8], "between": "linear"},
    {
        "name": "product",
        "schedules": [{"name": "linear"}, {"name": "step", "every": 3, "gamma": 0.7}],
    },
]

# These rise by themselves, or their counts do not fit into each of the sizes.
ALONE = [
    {"name": "noam", "d_model": 512, "warmup_steps": 9},
    {"name": "one_cycle", "start_lr": 2e-6, "end_lr": 2e-10, "rise": 0.3, "shape": "cosine"},
    {
        "name": "one_cycle",
        "start_lr": 2e-6,
        "end_lr": 2e-10,
        "rise": 0.3,
        "shape": "linear",
        "three_phase": True,
    },
    {
        "name": "warmup_stable_decay",
        "stable": 9,
        "decay": 30,
        "shape": "cosine",
        "half_waves": 1,
        "min_lr": 0,
    },
    {
        "name": "sequential",
        "phases": [
            {"schedule": {"name": "linear"}, "updates": 20},
            {
                "schedule": {"name": "one_cycle", "start_lr": 0, "end_lr": 0}
                | {"rise": 0.5, "shape": "linear"},
            },
        ],
    },
]

# Forms of warmup that no native class has.
WARMUPS = [
    {"steps": 7, "start": 0.3},
    {"steps": 7, "shape": "cosine"},
    {"proportion": 0.29, "shape": "one_minus_sqrt", "start": 0.1},
    {"steps": 7, "counted": "before"},
    {"steps": 50, "counted": "before", "shape": "cosine", "start": 0.01},
    {"updates": 7, "counted": "over", "start": 0.01},
    {"epochs": 3, "counted": "times", "shape": "cosine"},
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
    warmup: dict[str, Any] | None,
    horizon: int | None,
    lr: float = 5e-5,
    micro_batches: int = 1,
) -> Plan:
    return builders.plan_of(
        micro_batches,
        optimizer={"name": "adamw", "lr": lr},
        schedule=schedule,
        warmup=warmup,
        horizon=horizon,
        duration={"updates": updates},
    )


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


@pytest.mark.parametrize("schedule", ALONE, ids=lambda s: s["name"])
@pytest.mark.parametrize("horizon", [None, 60])
def test_native_rates_without_warmup(
    backend: Backend, schedule: dict[str, Any], horizon: int | None
) -> None:
    plan = plan_of(schedule, 45, None, horizon)
    assert_equal_to_the_last_bit(plan, rates_used(backend, plan))


@pytest.mark.parametrize("schedule", SCHEDULES[:12], ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("warmup", WARMUPS, ids=str)
def test_native_rates_after_any_warmup(
    backend: Backend, schedule: dict[str, Any], warmup: dict[str, Any]
) -> None:
    """A native class that knows only a line from 0, inside, must not be taken here."""
    plan = plan_of(schedule, 45, warmup, None)
    assert_equal_to_the_last_bit(plan, rates_used(backend, plan))


@pytest.mark.parametrize("schedule", SCHEDULES[:12], ids=lambda s: "-".join(map(str, s.values())))
def test_native_rates_per_epoch(backend: Backend, schedule: dict[str, Any]) -> None:
    """The schedule steps with each update, the rate changes with each epoch."""
    plan = plan_of(schedule | {"per": "epoch"}, 45, {"steps": 2}, None, micro_batches=7)
    used = rates_used(backend, plan)
    assert_equal_to_the_last_bit(plan, used)
    assert [used[t - t % 7] for t in range(len(used))] == used


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


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=parts())
def test_native_rates_equal_the_plan_for_any_schedule(
    backend: Backend, values: dict[str, Any]
) -> None:
    """Every name, any warmup, per update or epoch."""
    try:
        plan = Plan.of(Spec(**values), micro_batches_per_epoch=3)
    except PlanError:
        reject()
    assert_equal_to_the_last_bit(plan, rates_used(backend, plan))


def test_the_comparison_objects_to_one_ulp(backend: Backend) -> None:
    plan = plan_of({"name": "linear"}, 10, {"steps": 2}, None)
    used = rates_used(backend, plan)
    used[5] = float(np.nextafter(used[5], 1.0))
    with pytest.raises(AssertionError):
        assert_equal_to_the_last_bit(plan, used)

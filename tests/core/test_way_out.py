"""The way out of a plan's refusal: there is always one, and what it says can be planned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from tests import builders
from tests.schedules import parts


@settings(max_examples=400, deadline=None)
@given(values=parts(updates=60), count=st.integers(1, 12), drop=st.booleans())
def test_every_refusal_has_field_value_and_way_out(
    values: dict[str, Any], count: int, drop: bool
) -> None:
    values["batch"] = {"accumulate": 3, "tail": "drop" if drop else "flush"}
    spec = Spec(**values)
    try:
        Plan.of(spec, micro_batches_per_epoch=count)
    except PlanError as error:
        problem = error.problem
        assert problem is not None
        assert problem.cure is not None
        assert problem.received is not None
        assert problem.where.split(".")[0] in Spec.model_fields
        assert str(error) == str(problem)


UNIT, WARMUP = 101, 500

# A schedule in epochs of 101 updates, 12 of them.
IN_EPOCHS: dict[str, dict[str, Any]] = {
    "multistep": {"milestones": [8, 11], "gamma": 0.1},
    "step": {"every": 3, "gamma": 0.5},
    "piecewise": {"boundaries": [8], "values": [0.02, 0.002]},
    "inverse_sqrt": {"timescale": 2},
    "warmup_stable_decay": {"stable": 2, "decay": 3, "shape": "linear", "min_lr": 0.0},
    "cyclic": {"max_lr": 0.1, "up": 2, "down": 3, "mode": "triangular"},
    "cosine_annealing_warm_restarts": {"first": 2, "multiplier": 1, "min_lr": 0.0},
    "natural_exp": {"gamma": 0.1},
    "linear": {},
    "sequential": {
        "phases": [
            {"schedule": {"name": "step", "every": 2, "gamma": 0.5}, "updates": 6},
            {"schedule": {"name": "linear"}},
        ],
    },
}


def spec_of(schedule: dict[str, Any], per: str = "epoch", **changes: Any) -> Spec:
    usual: dict[str, Any] = {
        "optimizer": {"name": "sgd", "lr": 0.02},
        "warmup": {"steps": WARMUP, "start": 0.001},
        "duration": {"epochs": 12},
    }
    return builders.spec_of(**usual | changes, schedule={**schedule, "per": per})


def refusal(spec: Spec) -> PlanError:
    with pytest.raises(PlanError) as caught:
        Plan.of(spec, micro_batches_per_epoch=UNIT)
    return caught.value


@pytest.mark.parametrize("name", IN_EPOCHS)
def test_warmup_in_updates_beside_a_schedule_in_epochs(name: str) -> None:
    """What the cure says is planned, and the schedule falls where it fell."""
    schedule = {"name": name, **IN_EPOCHS[name]}
    assert str(refusal(spec_of(schedule))) == (
        "warmup.steps: counts epochs, as the schedule does, and must be shorter than the schedule; "
        "for 500 updates of warmup write updates: 500, counted: over. "
        "Received: 500 warmup epochs, horizon 12"
    )
    warmup = {"updates": WARMUP, "counted": "over", "start": 0.001}
    plan = Plan.of(spec_of(schedule, warmup=warmup), micro_batches_per_epoch=UNIT)
    cold = Plan.of(spec_of(schedule, warmup=None), micro_batches_per_epoch=UNIT)
    assert (plan.warmup_updates, plan.total_updates) == (WARMUP, 12 * UNIT)
    assert plan.lr_curve()[WARMUP:].tolist() == cold.lr_curve()[WARMUP:].tolist()
    assert plan.lr_at(250) == pytest.approx(0.02 * (0.001 + 0.999 / 2), rel=1e-15)


def test_a_warmup_longer_than_the_run_in_updates_too() -> None:
    error = refusal(spec_of({"name": "linear"}, warmup={"steps": 12 * UNIT}))
    assert error.problem is not None
    assert error.problem.cure == "write at most 11, or a longer duration"

"""The way out of a plan's refusal: there is always one, and what it says can be planned."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
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

# A schedule in epochs of 101 updates, 12 of them -> what says it in updates.
IN_UPDATES: dict[str, tuple[dict[str, Any], str]] = {
    "multistep": (
        {"name": "multistep", "milestones": [8, 11], "gamma": 0.1},
        "write milestones: [808, 1111] without per: epoch",
    ),
    "step": ({"name": "step", "every": 3, "gamma": 0.5}, "write every: 303 without per: epoch"),
    "piecewise": (
        {"name": "piecewise", "boundaries": [8], "values": [0.02, 0.002]},
        "write boundaries: [808] without per: epoch",
    ),
    "inverse_sqrt": (
        {"name": "inverse_sqrt", "timescale": 2},
        "write timescale: 202 without per: epoch",
    ),
    "warmup_stable_decay": (
        {"name": "warmup_stable_decay", "stable": 2, "decay": 3, "shape": "linear", "min_lr": 0.0},
        "write stable: 202, decay: 303 without per: epoch",
    ),
    "cyclic": (
        {"name": "cyclic", "max_lr": 0.1, "up": 2, "down": 3, "mode": "triangular"},
        "write up: 202, down: 303 without per: epoch",
    ),
    "cosine_annealing_warm_restarts": (
        {"name": "cosine_annealing_warm_restarts", "first": 2, "multiplier": 1, "min_lr": 0.0},
        "write first: 202 without per: epoch",
    ),
    "exponential": (
        {"name": "exponential", "gamma": 0.9},
        "write schedule: {name: step, every: 101, gamma: 0.9}",
    ),
    "linear": ({"name": "linear"}, "leave per: epoch out, so that the rate moves at every update"),
    "sequential": (
        {
            "name": "sequential",
            "phases": [
                {"schedule": {"name": "step", "every": 2, "gamma": 0.5}, "updates": 6},
                {"schedule": {"name": "linear"}},
            ],
        },
        "write phases[0].updates: 606, phases[0].schedule.every: 202 without per: epoch",
    ),
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


@pytest.mark.parametrize(("schedule", "cure"), IN_UPDATES.values(), ids=IN_UPDATES)
def test_warmup_in_updates_beside_a_schedule_in_epochs(schedule: dict[str, Any], cure: str) -> None:
    error = refusal(spec_of(schedule))
    assert str(error) == (
        "warmup.steps: counts epochs, as every count does under per: epoch, and must be shorter "
        f"than the schedule; for 500 updates of warmup {cure}. "
        "Received: 500 warmup epochs, horizon 12"
    )
    changes = written(schedule, cure)
    plan = Plan.of(spec_of(changes, per="update"), micro_batches_per_epoch=UNIT)
    assert (plan.warmup_updates, plan.total_updates) == (WARMUP, 12 * UNIT)


@pytest.mark.parametrize(
    "name", ["multistep", "step", "piecewise", "exponential", "cosine_annealing_warm_restarts"]
)
def test_what_it_says_falls_where_the_epochs_begin(name: str) -> None:
    """Without the warmup the rates are the same, at the first update of each epoch."""
    schedule, cure = IN_UPDATES[name]
    epochs = Plan.of(spec_of(schedule, warmup=None), micro_batches_per_epoch=UNIT)
    updates = spec_of(written(schedule, cure), per="update", warmup=None)
    found = Plan.of(updates, micro_batches_per_epoch=UNIT).lr_curve()[::UNIT]
    assert found.tolist() == pytest.approx(epochs.lr_curve()[::UNIT].tolist(), rel=1e-12)


def written(schedule: dict[str, Any], cure: str) -> dict[str, Any]:
    """The schedule as the cure has it."""
    if cure.startswith("write schedule: "):
        whole: dict[str, Any] = yaml.safe_load(cure.removeprefix("write "))["schedule"]
        return whole
    changed = yaml.safe_load(yaml.safe_dump(schedule))
    for path, value in re.findall(r"([\w.\[\]]+): (\[[^]]*\]|\d+)", cure):
        *steps, last = re.findall(r"[a-z_]+|\d+", path)
        at: Any = changed
        for step in steps:
            at = at[int(step)] if step.isdecimal() else at[step]
        at[last] = yaml.safe_load(value)
    return dict(changed)


def test_curves_that_only_epochs_can_say_are_given_the_longest_warmup() -> None:
    error = refusal(spec_of({"name": "natural_exp", "gamma": 0.1}))
    assert error.problem is not None
    assert error.problem.cure == "write at most 11, or a longer duration"


def test_a_warmup_longer_than_the_run_in_updates_too() -> None:
    error = refusal(spec_of({"name": "linear"}, warmup={"steps": 12 * UNIT}))
    assert error.problem is not None
    assert error.problem.cure == "write at most 11, or a longer duration"

"""What a user reads when reduce_on_plateau cannot work as the spec has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualtrain.errors import PlanError, SpecError
from dualtrain.plan import Plan
from dualtrain.schedules import Sequential
from tests.builders import plateau_spec
from tests.tasks import small_spec

RULE = plateau_spec().schedule.model_dump()

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a factor that is none": (
        {"factor": 1.0},
        "schedule.factor: must be < 1. Received: 1.0",
    ),
    "a threshold that nothing is better by": (
        {"threshold": 1.0},
        "schedule.threshold: must be below 1 with mode 'min' and threshold_mode 'rel': nothing "
        "is better by all of itself. Received: 1.0",
    ),
    "a lowest rate that is not lower": (
        {"min_lr": 0.1},
        "schedule.min_lr: must be below optimizer.lr. Received: min_lr 0.1, lr 0.1",
    ),
    "negative patience": (
        {"patience": -1},
        "schedule.patience: must be >= 0. Received: -1",
    ),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_a_bad_rule(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as error:
        plateau_spec(**changes)
    assert message == str(error.value)


BAD_TASKS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no held-out split": (
        {},
        {"eval": None},
        "task: the schedule 'reduce_on_plateau' judges by the held-out loss: needs eval. "
        "Received: nothing",
    ),
    "a loss that should rise": (
        {"mode": "max"},
        {},
        "task: the schedule 'reduce_on_plateau' judges by the held-out loss: its mode must be "
        "'min'. Received: 'max'",
    ),
}


@pytest.mark.parametrize(("rule", "task", "message"), BAD_TASKS.values(), ids=BAD_TASKS)
def test_a_task_without_a_metric(
    rule: dict[str, Any], task: dict[str, Any], message: str, tmp_path: Path
) -> None:
    whole = small_spec(tmp_path).model_dump()["task"] | task
    with pytest.raises(SpecError) as error:
        small_spec(tmp_path, schedule=RULE | {"min_lr": 0.0} | rule, task=whole)
    assert message == str(error.value)


def test_a_phase_of_a_sequence() -> None:
    """Its rate does not follow from the clock, which starts anew with each phase."""
    phases: Any = [{"schedule": {"name": "constant"}, "updates": 2}, {"schedule": RULE}]
    with pytest.raises(SpecError) as error:
        Sequential(name="sequential", phases=phases)
    assert str(error.value).startswith("phases[1].schedule.name: must be one of 'constant', ")
    assert str(error.value).endswith(". Received: 'reduce_on_plateau'")


UNKNOWN = (
    "^schedule.name: the rates of 'reduce_on_plateau' depend on the metrics that training reports: "
    "no plan knows them before$"
)


@pytest.mark.parametrize(
    "ask", [lambda plan: plan.lr_at(0), lambda plan: plan.factor_at(9), Plan.lr_curve]
)
def test_a_plan_has_no_curve(ask: Any) -> None:
    plan = Plan.of(plateau_spec(), micro_batches_per_epoch=1)
    with pytest.raises(PlanError, match=UNKNOWN):
        ask(plan)

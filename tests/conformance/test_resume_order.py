"""States and schedule in any order: the optimizer has the rate of the clock, never another.

The expected rates are the closed form's, in numpy: t = 45 of 100 updates, W = 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from dualtrain import Spec, build_optimizer, build_schedule
from dualtrain.backend import Backend
from dualtrain.errors import PlanError
from dualtrain.plan import Plan, Plateau
from tests import builders

T, LR = 45, 1e-3

EXPECTED = {
    "linear": LR * (100 - T) / 90,  # of the frameworks' libraries
    "cosine": LR * (1 + np.cos(np.pi * (T - 10) / 90)) / 2,  # of the plan
    "constant": LR,
    "polynomial": (LR - 1e-5) * (1 - (T - 10) / 90) ** 2 + 1e-5,
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "linear": {"name": "linear"},
    "cosine": {"name": "cosine", "half_waves": 1},
    "constant": {"name": "constant"},
    "polynomial": {"name": "polynomial", "power": 2.0, "end_lr": 1e-5},
}


def spec_of(name: str = "linear", optimizer: str = "adamw", lr: float = LR, **changes: Any) -> Spec:
    usual: dict[str, Any] = {
        "optimizer": {"name": optimizer, "lr": lr},
        "schedule": SCHEDULES[name],
        "warmup": {"steps": 10},
        "duration": {"updates": 100},
        "lr_multipliers": [{"pattern": "bias", "multiplier": 0.5}],
    }
    return builders.spec_of(**usual | changes)


def plan_of(spec: Spec) -> Plan:
    return Plan.of(spec, micro_batches_per_epoch=10)


def load(target: Any, state: Any) -> None:
    """By the name that the framework has for it."""
    (getattr(target, "load_state_dict", None) or target.set_state_dict)(state)


def trained(backend: Backend, spec: Spec) -> tuple[Any, Any]:
    """Optimizer and schedule after 45 updates."""
    model = backend.build_linear(3, 4)
    optimizer = build_optimizer(spec, model)
    schedule = build_schedule(plan_of(spec), optimizer)
    for _ in range(T):
        (model.weight.sum() + model.bias.sum()).backward()
        optimizer.step()
        backend.clear_gradients(optimizer)
        schedule.step()
    return optimizer, schedule


def moved(backend: Backend, model: Any, optimizer: Any) -> dict[str, float]:
    """By what one update of plain SGD with a gradient of 1 moves weight and bias: their rates."""
    weights = {"weight": np.ones((4, 3), np.float32), "bias": np.ones(4, np.float32)}
    backend.load_weights(model, weights)
    (model.weight.sum() + model.bias.sum()).backward()
    optimizer.step()
    after = backend.dump_weights(model)
    return {name: float((weights[name] - after[name]).mean()) for name in weights}


BUILD, OPTIMIZER, SCHEDULE = "build", "optimizer", "schedule"
ORDERS = [
    order
    for order in permutations((BUILD, OPTIMIZER, SCHEDULE))
    if order.index(BUILD) < order.index(SCHEDULE)  # there is none to load into before
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_order_gives_the_rate_of_the_update(
    backend: Backend, name: str, order: Sequence[str]
) -> None:
    """At once, and at every update after it."""
    spec = spec_of(name)
    saved_optimizer, saved_schedule = trained(backend, spec)
    states = {OPTIMIZER: saved_optimizer.state_dict(), SCHEDULE: saved_schedule.state_dict()}
    optimizer = build_optimizer(spec, backend.build_linear(3, 4))
    made: dict[str, Any] = {OPTIMIZER: optimizer}
    for what in order:
        if what == BUILD:
            made[SCHEDULE] = build_schedule(plan_of(spec), optimizer)
        else:
            load(made[what], states[what])
    assert backend.learning_rate(optimizer) == pytest.approx(EXPECTED[name], rel=1e-14)
    assert backend.learning_rate(optimizer) == backend.learning_rate(saved_optimizer)
    for _ in range(60):  # past the end too
        for one in (optimizer, saved_optimizer):
            backend.skip_step(one)
        made[SCHEDULE].step()
        saved_schedule.step()
        assert backend.learning_rate(optimizer) == backend.learning_rate(saved_optimizer)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_every_group_has_its_rate(backend: Backend, order: Sequence[str]) -> None:
    """What the weights move by: float32 of the rate, and of half of it."""
    spec = spec_of("cosine", "sgd")
    saved_optimizer, saved_schedule = trained(backend, spec)
    states = {OPTIMIZER: saved_optimizer.state_dict(), SCHEDULE: saved_schedule.state_dict()}
    model = backend.build_linear(3, 4)
    optimizer = build_optimizer(spec, model)
    made: dict[str, Any] = {OPTIMIZER: optimizer}
    for what in order:
        if what == BUILD:
            made[SCHEDULE] = build_schedule(plan_of(spec), optimizer)
        else:
            load(made[what], states[what])
    rate = EXPECTED["cosine"]
    multipliers = backend.effective_lr_multiplier(optimizer, model)
    assert multipliers == {"weight": 1.0, "bias": 0.5}
    assert moved(backend, model, optimizer) == pytest.approx(
        {"weight": rate, "bias": rate / 2}, abs=2**-24
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_clock_alone_is_a_state(backend: Backend, name: str) -> None:
    spec = spec_of(name)
    optimizer = build_optimizer(spec, backend.build_linear(3, 4))
    schedule = build_schedule(plan_of(spec), optimizer)
    load(schedule, {"last_epoch": T})
    assert backend.learning_rate(optimizer) == pytest.approx(EXPECTED[name], rel=1e-14)
    assert schedule.state_dict()["last_epoch"] == T


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_states_of_another_base_rate_bring_no_rate(backend: Backend, name: str) -> None:
    """The plan says the rates: a new base rate is not that of the old run for an update, or on."""
    old_optimizer, old_schedule = trained(backend, spec_of(name, lr=7 * LR))
    spec = spec_of(name)
    optimizer = build_optimizer(spec, backend.build_linear(3, 4))
    load(optimizer, old_optimizer.state_dict())
    schedule = build_schedule(plan_of(spec), optimizer)
    load(schedule, old_schedule.state_dict())
    assert backend.learning_rate(optimizer) == pytest.approx(EXPECTED[name], rel=1e-14)
    backend.skip_step(optimizer)
    schedule.step()
    assert backend.learning_rate(optimizer) == plan_of(spec).lr_at(T + 1)


def test_an_optimizer_that_had_no_schedule_brings_no_rate(backend: Backend) -> None:
    """Its state has the base rate, and the schedule is at the beginning of its warmup."""
    spec = spec_of()
    bare = build_optimizer(spec, backend.build_linear(3, 4))
    optimizer = build_optimizer(spec, backend.build_linear(3, 4))
    schedule = build_schedule(plan_of(spec), optimizer)
    load(optimizer, bare.state_dict())
    assert backend.learning_rate(optimizer) == 0.0
    backend.skip_step(optimizer)
    schedule.step()
    assert backend.learning_rate(optimizer) == LR / 10


def test_a_second_schedule_starts_anew(backend: Backend) -> None:
    """On an optimizer that another plan has driven: nothing was loaded, so t = 0."""
    optimizer, _ = trained(backend, spec_of(lr=7 * LR))
    schedule = build_schedule(plan_of(spec_of("constant")), optimizer)
    assert backend.learning_rate(optimizer) == 0.0
    load(schedule, {"last_epoch": 10})
    assert backend.learning_rate(optimizer) == LR


def test_metrics_say_the_rate_of_the_clock(backend: Backend) -> None:
    """reduce_on_plateau: the rate is the plateau's own, whatever the state was saved with."""
    spec = spec_of(
        schedule=builders.PLATEAU | {"factor": 0.1, "threshold_mode": "abs"},
    )
    plan = plan_of(spec)
    plateau = Plateau(plan)
    saved = build_optimizer(spec, backend.build_linear(3, 4))
    before = backend.build_schedule(plan, saved, rate_at=plateau.rate_at)
    model = backend.build_linear(3, 4)
    optimizer = build_optimizer(spec, model)
    load(optimizer, saved.state_dict())
    schedule = backend.build_schedule(plan, optimizer, rate_at=plateau.rate_at)
    load(schedule, before.state_dict() | {"last_epoch": 12})
    assert backend.learning_rate(optimizer) == LR
    for metric in (1.0, 2.0):
        plateau.report(metric, 12)
    load(schedule, {"last_epoch": 13})
    assert backend.learning_rate(optimizer) == LR * 0.1
    assert backend.effective_lr_multiplier(optimizer, model) == {"weight": 1.0, "bias": 0.5}


@pytest.mark.parametrize(
    ("state", "received"),
    [
        ({}, r"keys \[\]"),
        ({"last_lr": 1.0}, r"keys \['last_lr'\]"),
        ({"last_epoch": -1}, "-1"),
        ({"last_epoch": 4.5}, "4.5"),
        ({"last_epoch": True}, "True"),
        ({"last_epoch": None}, "None"),
    ],
)
def test_a_state_without_a_clock_is_refused(
    backend: Backend, state: dict[str, Any], received: str
) -> None:
    spec = spec_of()
    optimizer = build_optimizer(spec, backend.build_linear(3, 4))
    schedule = build_schedule(plan_of(spec), optimizer)
    with pytest.raises(PlanError, match=f"must have last_epoch, .* Received: {received}$"):
        load(schedule, state)
    assert backend.learning_rate(optimizer) == 0.0

"""A cycled momentum reaches the update: v = m(t) v + g, then w = w - lr(t) v, worked out here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualtrain import Spec, build_optimizer, build_schedule, fit, start
from dualtrain.backend import Backend
from dualtrain.errors import PlanError
from dualtrain.plan import Plan
from tests import builders

UPDATES = 9

CYCLES: list[dict[str, Any]] = [
    {"name": "one_cycle", "start_lr": 0.01, "end_lr": 0.001, "rise": 0.4, "shape": "cosine"},
    {"name": "cyclic", "max_lr": 0.3, "up": 2, "down": 3, "mode": "triangular2"},
]


def spec_of(cycle: dict[str, Any], *, cycled: bool = True, **optimizer: Any) -> Spec:
    return builders.spec_of(
        optimizer={"name": "momentum", "lr": 0.1, "momentum": 0.9} | optimizer,
        schedule=cycle | ({"momentum": {"low": 0.2, "high": 0.9}} if cycled else {}),
        duration={"updates": UPDATES},
    )


def trained(backend: Backend, spec: Spec) -> list[float]:
    """The one weight after each update; its gradient is 1, 2, 3, ..."""
    run = start(spec, backend.build_linear(1, 1), micro_batches_per_epoch=1)
    zero = {name: np.zeros_like(w) for name, w in backend.dump_weights(run.model).items()}
    backend.load_weights(run.model, zero)
    after = []
    for t in range(UPDATES):
        x = backend.to_device({"x": np.full((1, 1), t + 1, np.float32)}, run.device)["x"]
        run.step(run.model(x).sum())
        after.append(float(backend.dump_weights(run.model)["weight"].item()))
    return after


def by_hand(
    spec: Spec, momenta: list[float], *, nesterov: bool = False, decay: float = 0.0
) -> list[float]:
    plan = Plan.of(spec, micro_batches_per_epoch=1)
    w, v, after = 0.0, 0.0, []
    for t, momentum in enumerate(momenta):
        v = momentum * v + (t + 1)
        w *= 1.0 - plan.lr_at(t) * decay
        w -= plan.lr_at(t) * ((t + 1) + momentum * v if nesterov else v)
        after.append(w)
    return after


@pytest.mark.parametrize("nesterov", [False, True], ids=["plain", "nesterov"])
@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle["name"])
def test_the_update_uses_the_momentum_of_its_t(
    backend: Backend, cycle: dict[str, Any], nesterov: bool
) -> None:
    spec = spec_of(cycle, nesterov=nesterov)
    curve = Plan.of(spec, micro_batches_per_epoch=1).momentum_curve()
    assert curve is not None
    expected = by_hand(spec, curve.tolist(), nesterov=nesterov)

    assert pytest.approx(expected, rel=1e-6) == trained(backend, spec)


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle["name"])
def test_so_does_that_of_decoupled_decay(backend: Backend, cycle: dict[str, Any]) -> None:
    """Of which no framework has a class."""
    decay = {"weight_decay": {"value": 0.5, "kind": "decoupled"}}
    spec = Spec.model_validate(spec_of(cycle).model_dump(exclude_unset=True) | decay)
    curve = Plan.of(spec, micro_batches_per_epoch=1).momentum_curve()
    assert curve is not None
    expected = by_hand(spec, curve.tolist(), decay=0.5)

    assert pytest.approx(expected, rel=1e-6) == trained(backend, spec)


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle["name"])
def test_it_stays_unless_asked(backend: Backend, cycle: dict[str, Any]) -> None:
    """And then the weights are others: the test above can fail."""
    spec = spec_of(cycle, cycled=False)
    after = trained(backend, spec)

    assert pytest.approx(by_hand(spec, [0.9] * UPDATES), rel=1e-6) == after
    assert pytest.approx(after, rel=1e-2) != trained(backend, spec_of(cycle))


def test_a_schedule_alone_cannot_cycle_it(backend: Backend) -> None:
    spec = spec_of(CYCLES[1])
    optimizer = build_optimizer(spec, backend.build_linear(1, 1))
    with pytest.raises(PlanError) as caught:
        build_schedule(Plan.of(spec, micro_batches_per_epoch=1), optimizer)

    assert str(caught.value) == (
        "schedule.momentum: a native schedule cannot cycle the momentum; use dualtrain.fit or "
        "start, or leave it out. Received: 'cyclic' with momentum"
    )


def test_the_trace_records_the_momentum_that_the_optimizer_had(backend: Backend) -> None:
    for cycled in (True, False):
        spec = spec_of(CYCLES[0], cycled=cycled)
        plan = Plan.of(spec, micro_batches_per_epoch=1)
        batch = {"input": np.ones((2, 1), np.float32), "labels": np.array([0, 1])}
        updates = fit(spec, backend.build_linear(1, 2), [batch], loss=summed)
        assert [u.momentum for u in updates] == [plan.momentum_at(t) for t in range(UPDATES)]


def summed(model: Any, tensors: dict[str, Any]) -> Any:
    return model(tensors["input"]).sum()


def test_parameters_of_other_rates_have_the_same_momentum(backend: Backend) -> None:
    """A group of its own in torch; by a power of two, so that each step is half as long exactly."""
    alone = trained(backend, spec_of(CYCLES[1]))
    spec = spec_of(CYCLES[1])
    halved: dict[str, Any] = spec.model_dump(exclude_unset=True) | {
        "lr_multipliers": [{"pattern": "weight", "multiplier": 0.5}]
    }
    assert trained(backend, Spec(**halved)) == [0.5 * w for w in alone]

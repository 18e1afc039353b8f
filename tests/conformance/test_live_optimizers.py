"""What is read back of a live optimizer is what an update does, and reading it does nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.plan import Plan
from tests.conformance.test_optimizers import case as case
from tests.conformance.test_optimizers import (
    gradients,
    spec_of,
    started,
    step,
    weights,
)
from tests.oracle.optimizers import Reference

DECOUPLED = ("adamw", "lamb", "lars")


def test_reading_back_leaves_the_run_as_it_is(backend: Backend, case: str) -> None:
    """Between any two updates, to the bit, and with the names of the state."""
    ends, names = [], []
    for reads in (False, True):
        run = started(backend, spec_of(case))
        for gradient in gradients(5):
            if reads:
                backend.effective_decay(run.optimizer, run.model)
                backend.effective_lr_multiplier(run.optimizer, run.model)
            step(backend, run, gradient)
        ends.append(backend.dump_weights(run.model))
        names.append({re.sub(r"\d+", "", name, count=1) for name in run.optimizer.state_dict()})
    assert all((ends[0][name] == ends[1][name]).all() for name in ends[0])
    assert names[0] == names[1]


@pytest.mark.parametrize("value", [1e-9, 3e-5, 0.07, 40.0])
@pytest.mark.parametrize(
    "name",
    [
        *("adamw", "lamb", "lars", "adam", "sgd", "rmsprop", "adagrad", "radam"),
        *(f"{n}, decay apart" for n in ("sgd", "momentum", "adagrad", "adadelta", "nadam")),
    ],
)
def test_a_number_of_any_size_is_read_back_to_the_last_bit(
    backend: Backend, name: str, value: float
) -> None:
    """From an update in float32, and at the start of a warmup, where the rate is 0."""
    optimizer = spec_of(name)
    kind = "decoupled" if name in DECOUPLED or name.endswith("apart") else "coupled"
    spec = spec_of(
        name,
        optimizer={**optimizer.optimizer.model_dump(), "lr": 1e-7},
        schedule={"name": "linear"},
        warmup={"steps": 2},
        weight_decay={"value": value, "kind": kind, "exclude": ["bias"]},
        lr_multipliers=[{"pattern": "weight", "multiplier": value}],
    )
    run = started(backend, spec)
    decay = backend.effective_decay(run.optimizer, run.model)
    assert decay == {"weight": value, "bias": 0.0}
    multiplier = backend.effective_lr_multiplier(run.optimizer, run.model)
    assert multiplier == {"weight": value, "bias": 1.0}


@pytest.mark.parametrize("name", ["adamw", "lamb", "lars", "adam", "sgd", "momentum, decay apart"])
def test_each_decays_by_its_own_value(backend: Backend, name: str) -> None:
    """`values`, and a base rate of its own; the updates are those of the rule."""
    apart = name.endswith("apart")
    kind = "decoupled" if name in DECOUPLED or apart else "coupled"
    own = [{"role": "bias", "value": 0.0625}]
    spec = spec_of(
        name,
        weight_decay={"value": 0.5, "kind": kind, "values": own},
        lr_multipliers=[{"pattern": "bias", "lr": 0.5 * spec_of(name).optimizer.lr}],
    )
    run = started(backend, spec)
    decays = {"weight": 0.5, "bias": 0.0625}
    assert backend.effective_decay(run.optimizer, run.model) == decays
    rates = backend.effective_lr_multiplier(run.optimizer, run.model)
    assert rates == {"weight": 1.0, "bias": 0.5}
    words = spec.optimizer.model_dump()
    rules = {n: Reference(words, w, decays[n], apart=apart) for n, w in weights().items()}
    for t, gradient in enumerate(gradients(5)):
        got = step(backend, run, gradient)
        for n, rule in rules.items():
            wanted = rule.update(gradient[n], run.plan.lr_at(t) * rates[n])
            np.testing.assert_allclose(got[n], wanted, rtol=3e-6, atol=3e-6)


def test_what_the_optimizer_does_is_read_and_not_what_it_was_told(backend: Backend) -> None:
    """A thousandth off, as a wrong wiring may be."""
    told, wired = (
        started(
            backend,
            spec_of(
                "adamw, decay",
                weight_decay={"value": 0.3 * by, "exclude": ["bias"]},
                lr_multipliers=[{"pattern": "weight", "multiplier": by}],
            ),
        )
        for by in (1.0, 1.001)
    )
    wired.optimizer.dualtrain_wiring = told.optimizer.dualtrain_wiring
    multiplier = backend.effective_lr_multiplier(wired.optimizer, wired.model)
    assert multiplier["weight"] == pytest.approx(1.001, rel=1e-5)
    decay = backend.effective_decay(wired.optimizer, wired.model)
    assert decay["weight"] == pytest.approx(0.3003, rel=1e-5)
    assert (multiplier["bias"], decay["bias"]) == (1.0, 0.0)


def test_nothing_is_known_of_a_parameter_that_the_optimizer_does_not_hold(
    backend: Backend,
) -> None:
    spec = spec_of("adamw, decay", freeze={"patterns": ["bias"]})
    run = started(backend, spec)
    assert backend.effective_decay(run.optimizer, run.model) == {"weight": 0.3}
    assert backend.effective_lr_multiplier(run.optimizer, run.model) == {"weight": 1.0}


def test_what_random_numbers_follow_is_not_moved(backend: Backend) -> None:
    """Dropout after it draws what it would have drawn."""
    drawn = []
    for reads in (False, True):
        run = started(backend, spec_of("adamw, decay"))
        backend.seed_everything(7)
        if reads:
            backend.effective_decay(run.optimizer, run.model)
        drawn.append(backend.dump_weights(backend.build_linear(3, 4)))
    assert np.array_equal(drawn[0]["weight"], drawn[1]["weight"])


def test_a_run_needs_the_ledger_of_its_model(backend: Backend) -> None:
    from dualtrain.errors import PlanError
    from dualtrain.training import Run

    plan = Plan.of(spec_of("sgd"), micro_batches_per_epoch=1)
    model: Any = backend.build_linear(3, 4)
    with pytest.raises(PlanError, match=r"^a run needs a plan of its model's parameters"):
        Run(plan, model, backend=backend, device=backend.open_device("cpu"), measure=False)

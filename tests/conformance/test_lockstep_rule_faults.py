"""Faults of an update, each switched on alone in a real one, and found.

Beside each stands the field that is named, and how many times the bar it is at least. Decay is what
float32 carries worst: at lr wd = 2e-7 all of it is 3.4 units of a weight's rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend
from dualtrain.lockstep._rule_step import in_single
from dualtrain.optimizers import NUMPY, AdamW, Momentum, UpdateRule
from dualtrain.state import Arrays, RunState, Scalars
from dualtrain.training import Run
from tests import builders
from tests.moves import beyond, judged, run_on, state_at

SHAPE = (48, 40)
ADAMW: dict[str, Any] = {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8}
DECAY = {"value": 0.01, "exclude": ["bias"]}
K = 20
"""The update, counted from 1: late enough for moments, early enough for a bias correction."""


def spec_of(**changes: Any) -> Any:
    base = {"optimizer": ADAMW, "weight_decay": DECAY, "duration": {"updates": 1000}}
    return builders.spec_of(**{**base, **changes})


def drawn(seed: int = 0) -> tuple[Arrays, Arrays]:
    """Weights and gradients of a model that trains."""
    random = np.random.default_rng(seed)
    shapes = {"weight": SHAPE, "bias": SHAPE[:1]}
    weights = {n: random.normal(size=s, scale=0.05).astype(np.float32) for n, s in shapes.items()}
    gradients = {
        n: (random.normal(size=s) * 10.0 ** random.uniform(-5.0, -2.0, s)).astype(np.float32)
        for n, s in shapes.items()
    }
    return weights, gradients


def start_of(run: Run, **more: Any) -> tuple[RunState, Arrays]:
    weights, gradients = drawn()
    if run.plan.spec.ema is not None:
        more["averages"] = {
            n: (w * np.float32(0.98)).astype(np.float32) for n, w in weights.items()
        }
    return state_at(run.plan.spec.optimizer, K, weights, gradients, **more), gradients


def found(
    backend: Backend, leader: Any, follower: Any, fault: Callable[[Run], None] | None = None
) -> list[tuple[str, str, float, str, str]]:
    """What is said of a side that has another spec, or a fault, by the leader's plan."""
    by, run = run_on(backend, leader, SHAPE), run_on(backend, follower, SHAPE)
    assert beyond(judged(by, *start_of(by))) == []
    if fault is not None:
        fault(run)
    return beyond(judged(run, *start_of(by), leader=by))


def _with(**changes: Any) -> dict[str, Any]:
    return {"optimizer": {**ADAMW, **changes}}


OWN_BETAS = {"own_betas": [{"pattern": "bias", "betas": [0.8, 0.99]}]}
SLOW = {"optimizer": {**ADAMW, "lr": 2e-5}}
MOMENTUM = {
    "optimizer": {"name": "momentum", "lr": 0.1, "momentum": 0.9},
    "weight_decay": {"value": 0.01, "kind": "coupled"},
}

APART = {**MOMENTUM, "weight_decay": {"value": 0.01, "kind": "decoupled"}}

OTHER_SPECS: dict[str, tuple[dict[str, Any], dict[str, Any], str, float]] = {
    "eps 1e-6 for 1e-8": ({}, _with(eps=1e-6), "optimizer.eps", 100.0),
    "eps 2e-8 for 1e-8": ({}, _with(eps=2e-8), "optimizer.eps", 10.0),
    "beta1 0.901 for 0.9": ({}, _with(betas=[0.901, 0.999]), "optimizer.betas", 1000.0),
    "beta2 0.999 for 0.9999": (
        _with(betas=[0.9, 0.9999]),
        _with(betas=[0.9, 0.999]),
        "optimizer.betas",
        1000.0,
    ),
    "own betas left out": (OWN_BETAS, {}, "optimizer.betas", 1000.0),
    "own betas 0.801 for 0.8": (
        OWN_BETAS,
        {"own_betas": [{"pattern": "bias", "betas": [0.801, 0.99]}]},
        "optimizer.betas",
        100.0,
    ),
    "lr x 1.00001": ({}, _with(lr=1e-3 * 1.00001), "optimizer.lr", 10.0),
    "one multiplier 1.001": (
        {"lr_multipliers": [{"pattern": "bias", "multiplier": 1.0}]},
        {"lr_multipliers": [{"pattern": "bias", "multiplier": 1.001}]},
        "lr_multipliers",
        10.0,
    ),
    "biases decayed": (SLOW, {**SLOW, "weight_decay": {"value": 0.01}}, "weight_decay", 2.5),
    "no decay at lr wd = 2e-7": (SLOW, {**SLOW, "weight_decay": None}, "weight_decay", 2.0),
    "decay x 1.01": ({}, {"weight_decay": {**DECAY, "value": 0.0101}}, "weight_decay", 1.0),
    "momentum 0.9001 for 0.9": (
        MOMENTUM,
        {**MOMENTUM, "optimizer": {**MOMENTUM["optimizer"], "momentum": 0.9001}},
        "optimizer.momentum",
        100.0,
    ),
    "coupled decay x 1.01": (
        MOMENTUM,
        {**MOMENTUM, "weight_decay": {"value": 0.0101, "kind": "coupled"}},
        "weight_decay",
        100.0,
    ),
    "coupled decay for decoupled": (APART, MOMENTUM, "weight_decay", 100.0),
    "decoupled decay for coupled": (MOMENTUM, APART, "weight_decay", 100.0),
    "decoupled decay x 1.01": (
        APART,
        {**APART, "weight_decay": {"value": 0.0101, "kind": "decoupled"}},
        "weight_decay",
        1.0,
    ),
    "clip x 1.000001": (
        {"clip": {"global_norm": 0.1}},
        {"clip": {"global_norm": 0.1000001}},
        "clip",
        3.0,
    ),
    "no clip": ({"clip": {"global_norm": 0.1}}, {}, "clip", 1000.0),
    "each clipped by its own norm": (
        {"clip": {"global_norm": 0.1}},
        {"clip": {"norm": 0.1}},
        "clip",
        1000.0,
    ),
    "clip by value": ({"clip": {"value": 0.01}}, {"clip": {"value": 0.01001}}, "clip", 1000.0),
    "ema 0.9991 for 0.999": (
        {"ema": {"decay": 0.999}},
        {"ema": {"decay": 0.9991}},
        "ema",
        100.0,
    ),
}


@pytest.mark.parametrize("name", OTHER_SPECS)
def test_another_word_of_the_spec(backend: Backend, name: str) -> None:
    leader, follower, knob, least = OTHER_SPECS[name]
    readings = found(backend, spec_of(**leader), spec_of(**follower))
    _check(readings, knob, least)


def _check(readings: list[tuple[str, str, float, str, str]], knob: str, least: float) -> None:
    """Found by so many times the bar, of those with the field to look at.

    Where a bar is 0, any difference is beyond it by no number of times.
    """
    times = [r[2] for r in readings if r[2] < math.inf and knob in r[4]]
    print("times the bar:", max(times, default=0.0))
    assert max(times, default=0.0) >= least, readings


def eps_inside(run: Run) -> None:
    """sqrt(v / (1 - b2^k) + eps)."""

    class Inside(AdamW):
        def _step(self, state: dict[str, Any], g: Any, now: Any, xp: Any) -> Any:
            step = AdamW._step(self, state, g, now, xp)
            root = np.sqrt(state["second_moment"] / (1 - self.betas[1] ** now.k))
            return step * (root + self.eps) / np.sqrt(root**2 + self.eps)

    _by(run, Inside(**run.plan.spec.optimizer.model_dump()))


def correction_late(run: Run) -> None:
    """1 - b^(k - 1) for 1 - b^k, as where the count is raised after the step."""

    class Late(AdamW):
        def _step(self, state: dict[str, Any], g: Any, now: Any, xp: Any) -> Any:
            return AdamW._step(self, state, g, replace(now, k=now.k - 1), NUMPY)

    _by(run, Late(**run.plan.spec.optimizer.model_dump()))


def decay_after(run: Run) -> None:
    """(w - step) (1 - lr wd) for w (1 - lr wd) - step."""

    class After(AdamW):
        def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Any, xp: Any) -> Any:
            step = self._step(state, g, now, xp)
            return (w - now.lr * step) * (1 - now.lr * now.decay)

    _by(run, After(**run.plan.spec.optimizer.model_dump()))


def dampened(run: Run) -> None:
    """A tenth of the gradient does not enter the velocity."""

    class Dampened(Momentum):
        def _moved(self, state: dict[str, Any], w: Any, g: Any, now: Any, xp: Any) -> Any:
            return Momentum._moved(self, state, w, 0.9 * g, now, xp)

    _by(run, Dampened(**run.plan.spec.optimizer.model_dump()))


def _by(run: Run, rule: UpdateRule) -> None:
    """Let a step be that of another rule, with the framework's own numbers, rounded once."""
    assert run.plan.ledger is not None
    assert run.clip is not None
    clip = run.clip
    step, rows = run.optimizer.step, {r.parameter.name: r for r in run.plan.ledger.rows}

    def another() -> None:
        before = run.state().tensors
        rate = run.backend.learning_rate(run.optimizer)
        step()
        used = run.backend.clipped_gradients(run.model, clip)
        after = run.state().tensors
        scalars = run.backend.scalars(run.optimizer, before, after)
        weights, kept = dict(after.weights), dict(after.optimizer)
        for name, gradient in used.items():
            own = scalars.get(name, Scalars())
            held = {n: a.astype(np.float64) for n, a in before.optimizer[name].items()}
            state, moved = (in_single(rule) if own.single else rule).update(
                {**held, "step": int(held.get("step", 1))},
                before.weights[name].astype(np.float64),
                gradient.astype(np.float64),
                lr=rate,
                decay=rows[name].decay,
                verbs=replace(NUMPY, held=lambda n, e, terms=0.0, own=own: own.powers.get(n, e)),
            )
            weights[name] = moved.astype(np.float32)
            kept[name] = {n: np.asarray(state[n]).astype(a.dtype) for n, a in kept[name].items()}
        moved_on = replace(after, weights=weights, optimizer=kept)
        run.backend.load_state(run.model, run.optimizer, moved_on)

    _stand_in(run, another)


def _stand_in(run: Run, step: Callable[[], None]) -> None:
    """Let it be called in place of the optimizer's; torch's schedules look for their mark on it."""
    run.optimizer.step = wraps(run.optimizer.step)(step)


def average_late(run: Run) -> None:
    """The averages take the weight of before the step."""
    step, averages = run.optimizer.step, run.averages
    assert averages is not None

    def early() -> None:
        averages.update(0.999)
        step()

    _stand_in(run, early)
    run._average = lambda: setattr(run, "averaged_updates", run.averaged_updates + 1)  # type: ignore[method-assign]


def no_average(run: Run) -> None:
    """The averages stand still."""
    run._average = lambda: setattr(run, "averaged_updates", run.averaged_updates + 1)  # type: ignore[method-assign]


def nothing_moves(run: Run) -> None:
    """The step is left out; its states move."""
    step = run.optimizer.step

    def still() -> None:
        before = run.state().tensors.weights
        step()
        run.backend.load_weights(run.model, before)

    _stand_in(run, still)


AVERAGED = {"ema": {"decay": 0.999}}

FAULTS: dict[str, tuple[Callable[[Run], None], dict[str, Any], str, float]] = {
    "eps inside the root": (eps_inside, {}, "optimizer.eps", 1000.0),
    "correction late": (correction_late, {}, "optimizer.lr", 1000.0),
    "decay after": (decay_after, _with(lr=1e-2), "weight_decay", 10.0),
    "average late": (average_late, AVERAGED, "ema", 1000.0),
    "no average": (no_average, AVERAGED, "ema", 10.0),
    "dampening": (dampened, MOMENTUM, "optimizer.momentum", 1000.0),
    "no step": (nothing_moves, {}, "optimizer.lr", 1000.0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_step(backend: Backend, name: str) -> None:
    fault, spec, knob, least = FAULTS[name]
    _check(found(backend, spec_of(**spec), spec_of(**spec), fault), knob, least)

"""`paddle.optimizer.lr`: what Paddle itself has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.parity.native_schedules._row import (
    ANGLE,
    BASE,
    CLIMBS,
    LAMBDA,
    PADDLE,
    RAISES,
    RECURSIVE,
    UPDATES,
    WHOLE_RATE,
    Call,
    Row,
    parts,
    plateau,
)


def paddle_rows(lr: float) -> list[Row]:
    def row(
        name: str,
        arguments: Mapping[str, Any],
        schedule: Mapping[str, Any] | None = None,
        *,
        warmup: Mapping[str, Any] | None = None,
        horizon: int | None = None,
        lr: float = lr,
        **more: Any,
    ) -> Row:
        call = Call(module=PADDLE, name=name, arguments=arguments)
        return Row(call=call, spec=parts(schedule, warmup, horizon), lr=lr, **more)

    def inner(name: str, **arguments: Any) -> Call:
        return Call(module=PADDLE, name=name, arguments={"learning_rate": lr, **arguments})

    base = {"learning_rate": lr}
    low = {"base_learning_rate": lr / 10, "max_learning_rate": lr, "step_size_up": 37}
    cyclic = {"name": "cyclic", "max_lr": lr, "up": 37, "down": 37}
    peak = {"max_learning_rate": lr, "total_steps": UPDATES}
    one_cycle = {"name": "one_cycle", "start_lr": lr / 25, "end_lr": 1e-4, "rise": 0.3}
    warm = {"warmup_steps": 50, "start_lr": 0.0, "end_lr": lr}
    before = {"steps": 50, "counted": "before"}
    return [
        row("LRScheduler", {}, expected="refused", because=BASE),
        row(
            "NoamDecay",
            {"d_model": 512, "warmup_steps": 100, **base},
            {"name": "noam", "d_model": 512, "warmup_steps": 100},
            **WHOLE_RATE,
        ),
        row(
            "PiecewiseDecay",
            {"boundaries": [100, 200], "values": [lr, lr * 0.5, lr * 0.1]},
            {
                "name": "piecewise",
                "boundaries": [100, 200],
                "values": [lr, lr * 0.5, lr * 0.1],
            },
        ),
        row("NaturalExpDecay", {**base, "gamma": 0.1}, {"name": "natural_exp", "gamma": 0.1}),
        row(
            "InverseTimeDecay",
            {**base, "gamma": 0.1},
            {"name": "inverse_time", "gamma": 0.1},
            **WHOLE_RATE,
        ),
        row(
            "PolynomialDecay",
            {**base, "decay_steps": 300},
            {"name": "polynomial", "power": 1, "end_lr": 1e-4},
            horizon=300,
            **WHOLE_RATE,
        ),
        row(
            "PolynomialDecay",
            {**base, "decay_steps": 70, "end_lr": lr / 100, "power": 2.0, "cycle": True},
            {"name": "polynomial", "power": 2, "end_lr": lr / 100, "cycle": True},
            horizon=70,
            **WHOLE_RATE,
        ),
        row(
            "LinearWarmup",
            {**base, **warm},
            {"name": "constant"},
            warmup={"steps": 50},
            **WHOLE_RATE,
        ),
        row(
            "LinearWarmup",
            {**base, **warm, "start_lr": lr / 4},
            {"name": "constant"},
            warmup={"steps": 50, "start": 0.25},
            **WHOLE_RATE,
        ),
        row(
            "LinearWarmup",
            {"learning_rate": inner("StepDecay", step_size=100), **warm},
            {"name": "step", "every": 100, "gamma": 0.1},
            warmup=before,
            **WHOLE_RATE,
        ),
        row(
            "LinearWarmup",
            {"learning_rate": inner("CosineAnnealingDecay", T_max=350), **warm},
            {"name": "cosine", "half_waves": 1},
            warmup=before,
            horizon=350,
            past=CLIMBS,
            expected="rounded",
            because=ANGLE,
        ),
        row(
            "LinearWarmup",
            {"learning_rate": inner("ReduceOnPlateau"), **warm},
            expected="refused",
            because="hands the number of the update to ReduceOnPlateau as its metric",
        ),
        row("ExponentialDecay", {**base, "gamma": 0.9}, {"name": "exponential", "gamma": 0.9}),
        row("ExponentialDecay", {**base, "gamma": 0.999}, {"name": "exponential", "gamma": 0.999}),
        row(
            "MultiStepDecay",
            {**base, "milestones": [30, 60, 90]},
            {"name": "multistep", "milestones": [30, 60, 90], "gamma": 0.1},
        ),
        row(
            "StepDecay",
            {**base, "step_size": 30},
            {"name": "step", "every": 30, "gamma": 0.1},
        ),
        row("LambdaDecay", {}, expected="refused", because=LAMBDA),
        row("MultiplicativeDecay", {}, expected="refused", because=LAMBDA),
        row("ReduceOnPlateau", {**base}, plateau()),
        row(
            "ReduceOnPlateau",
            {**base, "patience": 1, "cooldown": 2},
            plateau(patience=1, cooldown=2),
            expected="different",
            because="while it cools down, Paddle looks at no metric; the spec and torch remember "
            "the best one",
        ),
        row(
            "CosineAnnealingDecay",
            {**base, "T_max": UPDATES},
            {"name": "cosine", "half_waves": 1},
            expected="rounded",
            because=RECURSIVE,
            past=CLIMBS,
        ),
        row(
            "CosineAnnealingDecay",
            {**base, "T_max": 100, "eta_min": 1e-6},
            {"name": "cosine_with_min_lr", "half_waves": 4, "min_lr": 1e-6},
            expected="rounded",
            because=RECURSIVE,
            past="goes on in waves; the spec stays at the end",
        ),
        row("OneCycleLR", peak, {**one_cycle, "shape": "cosine"}, past=RAISES, **WHOLE_RATE),
        row(
            "OneCycleLR",
            {**peak, "anneal_strategy": "linear", "three_phase": True},
            {**one_cycle, "shape": "linear", "three_phase": True},
            past=RAISES,
            **WHOLE_RATE,
        ),
        row("CyclicLR", low, {**cyclic, "mode": "triangular"}, lr=lr / 10, **WHOLE_RATE),
        row(
            "CyclicLR",
            {**low, "step_size_down": 70, "mode": "triangular2"},
            {**cyclic, "mode": "triangular2", "down": 70},
            lr=lr / 10,
            **WHOLE_RATE,
        ),
        row(
            "CyclicLR",
            {**low, "mode": "exp_range", "exp_gamma": 0.995},
            {**cyclic, "mode": "exp_range", "gamma": 0.995},
            lr=lr / 10,
            **WHOLE_RATE,
        ),
        row(
            "LinearLR",
            {**base, "total_steps": 100},
            {"name": "constant"},
            warmup={"steps": 100, "start": 1 / 3},
            expected="rounded",
            because=RECURSIVE,
        ),
        row(
            "LinearLR",
            {**base, "total_steps": 100, "start_factor": 1.0, "end_factor": 0.1},
            {"name": "polynomial", "power": 1, "end_lr": lr * 0.1},
            horizon=100,
            expected="rounded",
            because=RECURSIVE,
        ),
        row(
            "CosineAnnealingWarmRestarts",
            {**base, "T_0": 50},
            {
                "name": "cosine_annealing_warm_restarts",
                "first": 50,
                "multiplier": 1,
                "min_lr": 0.0,
            },
        ),
        row(
            "CosineAnnealingWarmRestarts",
            {**base, "T_0": 50, "T_mult": 2, "eta_min": 1e-6},
            {
                "name": "cosine_annealing_warm_restarts",
                "first": 50,
                "multiplier": 2,
                "min_lr": 1e-6,
            },
            **WHOLE_RATE,
        ),
    ]

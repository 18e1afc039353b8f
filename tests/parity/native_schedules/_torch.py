"""`torch.optim.lr_scheduler`, and `SWALR`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.parity.native_schedules._row import (
    BASE,
    BETA,
    CLIMBS,
    LAMBDA,
    RAISES,
    RECURSIVE,
    TORCH,
    TORCH_SWA,
    UPDATES,
    WHOLE_RATE,
    Call,
    Row,
    parts,
    plateau,
)


def torch_rows(lr: float) -> list[Row]:
    def row(
        name: str,
        arguments: Mapping[str, Any],
        schedule: Mapping[str, Any] | None = None,
        *,
        warmup: Mapping[str, Any] | None = None,
        horizon: int | None = None,
        module: str = TORCH,
        lr: float = lr,
        **more: Any,
    ) -> Row:
        call = Call(module=module, name=name, arguments=arguments)
        return Row(call=call, spec=parts(schedule, warmup, horizon), lr=lr, **more)

    def inner(name: str, **arguments: Any) -> Call:
        return Call(module=TORCH, name=name, arguments=arguments)

    low = {"base_lr": lr / 10, "max_lr": lr, "step_size_up": 37}
    cyclic = {"name": "cyclic", "max_lr": lr, "up": 37, "down": 37}
    peak = {"max_lr": lr, "total_steps": UPDATES}
    one_cycle = {
        "name": "one_cycle",
        "start_lr": lr / 25,
        "end_lr": lr / 25 / 1e4,
        "rise": 0.3,
        "shape": "cosine",
    }
    restarts = {"name": "cosine_annealing_warm_restarts", "first": 50}
    recursive: dict[str, Any] = {"expected": "rounded", "because": RECURSIVE}
    return [
        row("LRScheduler", {}, expected="refused", because=BASE),
        row("LambdaLR", {}, expected="refused", because=LAMBDA),
        row("MultiplicativeLR", {}, expected="refused", because=LAMBDA),
        row("StepLR", {"step_size": 30}, {"name": "step", "every": 30, "gamma": 0.1}, **recursive),
        row(
            "MultiStepLR",
            {"milestones": [30, 60, 90]},
            {"name": "multistep", "milestones": [30, 60, 90], "gamma": 0.1},
            **recursive,
        ),
        row(
            "MultiStepLR",
            {"milestones": [30, 30]},
            expected="refused",
            because="takes gamma twice at a milestone given twice; Paddle refuses it, and the "
            "spec too",
        ),
        row(
            "ConstantLR",
            {},
            {"name": "piecewise", "boundaries": [5], "values": [lr / 3, lr]},
            lr=lr / 3,
        ),
        row("LinearLR", {}, {"name": "constant"}, warmup={"steps": 5, "start": 1 / 3}, **recursive),
        row(
            "LinearLR",
            {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 100},
            {"name": "polynomial", "power": 1, "end_lr": lr * 0.1},
            horizon=100,
            **recursive,
        ),
        row("ExponentialLR", {"gamma": 0.9}, {"name": "exponential", "gamma": 0.9}, **recursive),
        row(
            "ExponentialLR", {"gamma": 0.999}, {"name": "exponential", "gamma": 0.999}, **recursive
        ),
        row(
            "SequentialLR",
            {
                "schedulers": [
                    inner("LinearLR", start_factor=1e-3, total_iters=50),
                    inner("CosineAnnealingLR", T_max=350),
                ],
                "milestones": [50],
            },
            {"name": "cosine", "half_waves": 1},
            warmup={"steps": 50, "start": 1e-3, "counted": "before"},
            horizon=350,
            past=CLIMBS,
            **recursive,
        ),
        row(
            "SequentialLR",
            {
                "schedulers": [
                    inner("CosineAnnealingLR", T_max=150),
                    inner("ExponentialLR", gamma=0.99),
                    inner("PolynomialLR", total_iters=100),
                ],
                "milestones": [150, 250],
            },
            {
                "name": "sequential",
                "phases": [
                    {"schedule": {"name": "cosine", "half_waves": 1}, "updates": 150},
                    {"schedule": {"name": "exponential", "gamma": 0.99}, "updates": 100},
                    {"schedule": {"name": "polynomial", "power": 1, "end_lr": 0.0}},
                ],
            },
            horizon=350,
            **recursive,
        ),
        row(
            "CosineAnnealingLR",
            {"T_max": UPDATES},
            {"name": "cosine", "half_waves": 1},
            past=CLIMBS,
            **recursive,
        ),
        row(
            "CosineAnnealingLR",
            {"T_max": 100, "eta_min": 1e-6},
            {"name": "cosine_with_min_lr", "half_waves": 4, "min_lr": 1e-6},
            past="goes on in waves; the spec stays at the end",
            **recursive,
        ),
        row(
            "ChainedScheduler",
            {},
            expected="refused",
            because="multiplies schedules with each other; the spec puts them one after the other",
        ),
        row("ReduceLROnPlateau", {}, plateau()),
        row("ReduceLROnPlateau", {"patience": 1, "cooldown": 2}, plateau(patience=1, cooldown=2)),
        row(
            "CyclicLR",
            low,
            {**cyclic, "mode": "triangular", "momentum": {"low": 0.8, "high": 0.9}},
            lr=lr / 10,
            momentum=0.9,
            **WHOLE_RATE,
        ),
        row("CyclicLR", low, expected="refused", because=BETA),
        row(
            "CyclicLR",
            {**low, "step_size_down": 70, "mode": "triangular2", "cycle_momentum": False},
            {**cyclic, "mode": "triangular2", "down": 70},
            lr=lr / 10,
            **WHOLE_RATE,
        ),
        row(
            "CyclicLR",
            {**low, "mode": "exp_range", "gamma": 0.995, "cycle_momentum": False},
            {**cyclic, "mode": "exp_range", "gamma": 0.995},
            lr=lr / 10,
            **WHOLE_RATE,
        ),
        row(
            "CosineAnnealingWarmRestarts",
            {"T_0": 50},
            {**restarts, "multiplier": 1, "min_lr": 0.0},
        ),
        row(
            "CosineAnnealingWarmRestarts",
            {"T_0": 50, "T_mult": 2, "eta_min": 1e-6},
            {**restarts, "multiplier": 2, "min_lr": 1e-6},
            **WHOLE_RATE,
        ),
        row(
            "OneCycleLR",
            peak,
            {**one_cycle, "momentum": {"low": 0.85, "high": 0.95}},
            momentum=0.95,
            past=RAISES,
            **WHOLE_RATE,
        ),
        row("OneCycleLR", peak, expected="refused", because=BETA),
        row(
            "OneCycleLR",
            {**peak, "anneal_strategy": "linear", "three_phase": True, "cycle_momentum": False},
            {**one_cycle, "shape": "linear", "three_phase": True},
            past=RAISES,
            **WHOLE_RATE,
        ),
        row(
            "PolynomialLR",
            {},
            {"name": "polynomial", "power": 1, "end_lr": 0.0},
            horizon=5,
            **recursive,
        ),
        row(
            "PolynomialLR",
            {"total_iters": 300, "power": 0.9},
            {"name": "polynomial", "power": 0.9, "end_lr": 0.0},
            horizon=300,
            **recursive,
        ),
        row(
            "SWALR",
            {"swa_lr": lr / 2},
            {"name": "cosine_with_min_lr", "half_waves": 1, "min_lr": lr / 2},
            horizon=10,
            module=TORCH_SWA,
            **recursive,
        ),
        row(
            "SWALR",
            {"swa_lr": lr / 2, "anneal_strategy": "linear"},
            {"name": "polynomial", "power": 1, "end_lr": lr / 2},
            horizon=10,
            module=TORCH_SWA,
            **recursive,
        ),
    ]

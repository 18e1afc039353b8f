"""transformers' functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.parity.native_schedules._row import (
    ANGLE,
    CLIMBS,
    RATIO,
    TRANSFORMERS,
    UPDATES,
    Call,
    Row,
    parts,
    plateau,
)

ADAFACTOR = "reads the rate that Adafactor computes for itself"


def transformers_rows(lr: float) -> list[Row]:
    def row(
        name: str,
        arguments: Mapping[str, Any],
        schedule: Mapping[str, Any] | None = None,
        warmup: Mapping[str, Any] | None = None,
        horizon: int | None = None,
        **more: Any,
    ) -> Row:
        call = Call(module=TRANSFORMERS, name=name, arguments=arguments)
        return Row(call=call, spec=parts(schedule, warmup, horizon), lr=lr, **more)

    steps = {"num_warmup_steps": 40, "num_training_steps": UPDATES}
    warm = {"steps": 40}
    min_lr = {"name": "cosine_with_min_lr", "half_waves": 1, "min_lr": lr * 0.1}
    stable = {"name": "warmup_stable_decay", "stable": 260, "decay": 100}
    wsd = {"num_warmup_steps": 40, "num_decay_steps": 100, "num_training_steps": UPDATES}
    return [
        row("get_constant_schedule", {}, {"name": "constant"}),
        row("get_reduce_on_plateau_schedule", {}, plateau()),
        row(
            "get_constant_schedule_with_warmup",
            {"num_warmup_steps": 40},
            {"name": "constant"},
            warm,
        ),
        row("get_linear_schedule_with_warmup", steps, {"name": "linear"}, warm),
        row(
            "get_cosine_schedule_with_warmup",
            steps,
            {"name": "cosine", "half_waves": 1},
            warm,
            past=CLIMBS,
        ),
        row(
            "get_cosine_with_hard_restarts_schedule_with_warmup",
            steps,
            {"name": "cosine_with_restarts", "cycles": 1},
            warm,
        ),
        row(
            "get_polynomial_decay_schedule_with_warmup",
            steps,
            {"name": "polynomial", "power": 1, "end_lr": 1e-7},
            warm,
        ),
        row("get_inverse_sqrt_schedule", {"num_warmup_steps": 40}, {"name": "inverse_sqrt"}, warm),
        row(
            "get_inverse_sqrt_schedule",
            {"num_warmup_steps": 0},
            {"name": "inverse_sqrt", "timescale": 10_000},
        ),
        row(
            "get_cosine_with_min_lr_schedule_with_warmup",
            {**steps, "min_lr_rate": 0.1},
            min_lr,
            warm,
            past=CLIMBS,
            expected="rounded",
            because=RATIO,
        ),
        row(
            "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
            {**steps, "min_lr_rate": 0.1},
            min_lr,
            {"steps": 39, "start": 1 / 40},
            UPDATES - 1,
            expected="rounded",
            because=ANGLE,
            past=CLIMBS,
        ),
        row(
            "get_wsd_schedule",
            wsd,
            {**stable, "shape": "cosine", "half_waves": 1, "min_lr": 0.0},
            warm,
        ),
        row(
            "get_wsd_schedule",
            {**wsd, "decay_type": "1-sqrt", "warmup_type": "cosine", "min_lr_ratio": 0.1},
            {**stable, "shape": "one_minus_sqrt", "min_lr": lr * 0.1},
            {"steps": 40, "shape": "cosine", "start": 0.1},
            expected="rounded",
            because=RATIO,
        ),
        row(
            "get_wsd_schedule",
            {**wsd, "decay_type": "linear", "warmup_type": "1-sqrt"},
            {**stable, "shape": "linear", "min_lr": 0.0},
            {"steps": 40, "shape": "one_minus_sqrt"},
        ),
        row("get_scheduler", {"name": "linear", **steps}, {"name": "linear"}, warm),
        row("get_adafactor_schedule", {}, expected="refused", because=ADAFACTOR),
        row("AdafactorSchedule", {}, expected="refused", because=ADAFACTOR),
    ]

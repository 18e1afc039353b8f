"""paddlenlp's classes, and the functions that its trainer takes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.parity.native_schedules._row import (
    CLIMBS,
    PADDLENLP,
    PADDLENLP_OPS,
    PADDLENLP_TRAINER,
    UPDATES,
    WHOLE_RATE,
    Call,
    Row,
    parts,
)


def paddlenlp_rows(lr: float) -> list[Row]:
    def row(
        name: str,
        arguments: Mapping[str, Any],
        schedule: Mapping[str, Any],
        module: str = PADDLENLP,
        **more: Any,
    ) -> Row:
        call = Call(module=module, name=name, arguments=arguments)
        return Row(call=call, spec=parts(schedule, {"steps": 40}), lr=lr, **more)

    run = {"learning_rate": lr, "total_steps": UPDATES, "warmup": 40}
    annealing = {"max_lr": lr, "min_lr": lr / 10, "warmup_step": 40, "decay_step": UPDATES}
    return [
        row("LinearDecayWithWarmup", run, {"name": "linear"}),
        row("ConstScheduleWithWarmup", {"learning_rate": lr, "warmup": 40}, {"name": "constant"}),
        row("CosineDecayWithWarmup", run, {"name": "cosine", "half_waves": 2}, past=CLIMBS),
        row(
            "CosineDecayWithWarmup",
            {**run, "with_hard_restarts": True},
            {"name": "cosine_with_restarts", "cycles": 0.5},
        ),
        row("PolyDecayWithWarmup", run, {"name": "polynomial", "power": 1, "end_lr": 1e-7}),
        row(
            "CosineAnnealingWithWarmupDecay",
            annealing,
            {"name": "cosine_annealing", "min_lr": lr / 10},
            **WHOLE_RATE,
        ),
        row(
            "LinearAnnealingWithWarmupDecay",
            annealing,
            {"name": "linear_annealing", "min_lr": lr / 10},
            **WHOLE_RATE,
        ),
        row(
            "InverseSquareRootSchedule",
            {"warmup_steps": 40, "learning_rate": lr},
            {"name": "inverse_sqrt"},
            PADDLENLP_OPS,
            **WHOLE_RATE,
        ),
    ]


def paddlenlp_trainer_rows(lr: float) -> list[Row]:
    def row(
        name: str,
        arguments: Mapping[str, Any],
        schedule: Mapping[str, Any] | None = None,
        warmup: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Row:
        call = Call(
            module=PADDLENLP_TRAINER, name=name, arguments={"learning_rate": lr, **arguments}
        )
        return Row(call=call, spec=parts(schedule, warmup), lr=lr, **more)

    steps = {"num_warmup_steps": 40, "num_training_steps": UPDATES}
    warm = {"steps": 40}
    return [
        row("get_constant_schedule", {}, {"name": "constant"}),
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
            "get_polynomial_decay_schedule_with_warmup",
            steps,
            {"name": "polynomial", "power": 1, "end_lr": 1e-7},
            warm,
        ),
        row("get_scheduler", {"name": "linear", **steps}, {"name": "linear"}, warm),
    ]

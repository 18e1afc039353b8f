"""Plans that differ from a plain one in a word: T = 100, base rate 0.1 unless it says otherwise."""

from __future__ import annotations

from typing import Any

from dualtrain.plan import Plan
from dualtrain.spec import Spec

__all__ = ["CYCLE", "RESTARTS", "WSD", "plan_of", "schedule", "steps"]


def plan_of(count: int = 10, **changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 0.1},
        "schedule": {"name": "linear"},
        "duration": {"updates": 100},
    }
    return Plan.of(Spec.model_validate(fields | changes), micro_batches_per_epoch=count)


def schedule(name: str, **fields: Any) -> dict[str, Any]:
    return {"schedule": {"name": name, **fields}}


def steps(number: int, **fields: Any) -> dict[str, Any]:
    return {"warmup": {"steps": number, **fields}}


WSD = {"decay": 30, "shape": "linear", "min_lr": 0.0}

CYCLE = {"max_lr": 0.5, "up": 10, "down": 5, "mode": "triangular"}
RESTARTS = {"first": 10, "multiplier": 2, "min_lr": 0.0}

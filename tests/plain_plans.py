"""Plans that differ from a plain one in a word: T = 100, base rate 0.1 unless it says otherwise."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests import builders

__all__ = ["CYCLE", "RESTARTS", "WSD", "plan_of", "schedule", "steps"]


plan_of = partial(builders.plan_of, schedule={"name": "linear"}, duration={"updates": 100})


def schedule(name: str, **fields: Any) -> dict[str, Any]:
    return {"schedule": {"name": name, **fields}}


def steps(number: int, **fields: Any) -> dict[str, Any]:
    return {"warmup": {"steps": number, **fields}}


WSD = {"decay": 30, "shape": "linear", "min_lr": 0.0}

CYCLE = {"max_lr": 0.5, "up": 10, "down": 5, "mode": "triangular"}
RESTARTS = {"first": 10, "multiplier": 2, "min_lr": 0.0}

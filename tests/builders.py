"""A small spec and its plan, for tests that change a word of it."""

from __future__ import annotations

from typing import Any

from dualtrain.plan import Plan
from dualtrain.spec import Spec

__all__ = ["PLATEAU", "plan_of", "plateau_spec", "spec_of"]

BASE: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 0.1},
    "schedule": {"name": "constant"},
    "duration": {"updates": 4},
}

PLATEAU: dict[str, Any] = {
    "name": "reduce_on_plateau",
    "mode": "min",
    "factor": 0.5,
    "patience": 0,
    "threshold": 0.0,
    "threshold_mode": "rel",
    "cooldown": 0,
    "min_lr": 0.0,
    "eps": 0.0,
}
"""Halves the rate at every metric that is no better."""


def spec_of(**changes: Any) -> Spec:
    """AdamW at 0.1, constant, four updates, but for the fields given; None leaves one out."""
    return Spec(**{name: part for name, part in (BASE | changes).items() if part is not None})


def plan_of(micro_batches: int = 10, /, world_size: int = 1, **changes: Any) -> Plan:
    """The plan of `spec_of(**changes)`."""
    return Plan.of(spec_of(**changes), micro_batches_per_epoch=micro_batches, world_size=world_size)


def plateau_spec(
    lr: float = 0.1,
    *,
    duration: dict[str, Any] | None = None,
    warmup: dict[str, Any] | None = None,
    **changes: Any,
) -> Spec:
    """A spec with `PLATEAU`, of five epochs; `changes` are of this rule."""
    return spec_of(
        optimizer={"name": "adamw", "lr": lr},
        schedule=PLATEAU | changes,
        duration=duration or {"epochs": 5},
        warmup=warmup,
    )

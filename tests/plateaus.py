"""The schedule reduce_on_plateau, for the tests that are about it."""

from __future__ import annotations

from typing import Any

from dualtrain import Spec

__all__ = ["PLATEAU", "plateau_spec"]

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


def plateau_spec(
    lr: float = 0.1, *, duration: dict[str, Any] | None = None, **changes: Any
) -> Spec:
    """A spec with `PLATEAU`; `changes` are of this rule."""
    parts: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": lr},
        "warmup": changes.pop("warmup", None),
        "schedule": PLATEAU | changes,
        "duration": duration or {"epochs": 5},
    }
    return Spec(**parts)

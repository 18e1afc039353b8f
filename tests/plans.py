"""Plans for columns of rates worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dualtrain.plan import Plan
from dualtrain.spec import Duration, Schedule, Warmup
from tests import builders

__all__ = ["close_to", "plan_of", "rates"]


def plan_of(schedule: Schedule | dict[str, Any], **values: Any) -> Plan:
    """Base rate 1/2, W = 4, T = 12 and five updates an epoch, but for the values given."""
    usual: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 1 / 2},
        "duration": Duration(updates=12),
        "warmup": Warmup(steps=4),
    }
    return builders.plan_of(5, **usual | values, schedule=schedule)


def rates(plan: Plan, column: dict[int, float]) -> dict[int, float]:
    """What the plan says at the updates of a column."""
    return {t: plan.lr_at(t) for t in column}


def close_to(column: dict[int, float]) -> Any:
    """Equal but for the rounding of roots and cosines: 2 units in the last place of the base."""
    return pytest.approx(column, rel=0, abs=2**-52)

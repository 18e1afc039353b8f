"""The state of a schedule is one integer, t: its rates are the plan's."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from dualtrain.errors import PlanError

__all__ = ["clock_of"]


def clock_of(state: Mapping[str, Any]) -> int:
    """t, the update that comes next, from the state of a native schedule: its `last_epoch`.

    Both frameworks save a rate, too, and base rates in torch; those of another plan would be used
    for one update, or for all that follow. They are not read.

    {"last_epoch": 45, "last_lr": 1e-3}: 45. Raises `PlanError` without a whole number from 0.
    """
    t = state.get("last_epoch")
    if not isinstance(t, Integral) or isinstance(t, bool) or t < 0:
        raise PlanError(
            "a schedule's state must have last_epoch, a whole number from 0: the update that comes "
            f"next. Received: {f'{t!r}' if 'last_epoch' in state else f'keys {sorted(state)}'}"
        )
    return int(t)

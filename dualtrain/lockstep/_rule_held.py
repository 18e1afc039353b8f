"""What a side has made of numbers, held against the rule: how many honest roundings it is off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._reading import Outcome, Reading
from dualtrain.lockstep._rounded import Rounded

__all__ = ["MARGIN", "Held", "held", "not_equal", "rule_reading"]

MARGIN = 4.0
"""How many times the bound of one evaluation's error is allowed: the native optimizers and clips
of both frameworks keep within 2, over their orders of evaluation and what they fuse."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Numbers of a side, beside the rule's."""

    residual: NDArray[np.float64]
    """Side less rule."""
    error: NDArray[np.float64]
    """What one honest evaluation may be off; infinite where nothing can be said."""

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Where something can be said."""
        return np.isfinite(self.error)

    @property
    def times(self) -> float:
        """The largest residual over its error, where it can be judged."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(self.residual) / self.error
        ratio = np.where(self.residual == 0.0, 0.0, ratio)
        ratio = np.where(np.isnan(ratio), np.inf, ratio)[self.judged]
        return float(ratio.max(initial=0.0))

    def reading(
        self, *, side: str, what: str, tensor: str, knob: str | Callable[[], str]
    ) -> Reading:
        """In honest roundings; no proof where no number can be judged.

        knob: or what finds it, asked where there is a difference.
        """
        size, judged = self.error.size, int(self.judged.sum())
        value = self.times
        outcome: Outcome = "differs" if value > MARGIN else "agrees"
        detail = ""
        if not judged and size:
            outcome, detail = "no proof", "left the finite numbers, or hangs on a rounding"
        elif judged < size:
            detail = f"{size - judged} of {size} numbers hang on a rounding or overflow"
        if not isinstance(knob, str):
            knob = knob() if outcome == "differs" else ""
        return rule_reading(
            side=side,
            what=what,
            tensor=tensor,
            value=value,
            bar=MARGIN,
            outcome=outcome,
            detail=detail,
            knob=knob,
        )


def held(actual: Any, rule: Rounded) -> Held:
    """The numbers of a side beside the rule's, of one shape."""
    value, error = rule.plain()
    with np.errstate(invalid="ignore"):
        residual = np.asarray(actual, np.float64) - value
    return Held(residual=residual, error=np.where(np.isfinite(value), error, np.inf))


def not_equal(side: str, what: str, tensor: str, knob: str, detail: str, off: float) -> Reading:
    """Of what has to be equal to the bit."""
    outcome: Outcome = "agrees" if off == 0.0 else "differs"
    return rule_reading(
        side=side,
        what=what,
        tensor=tensor,
        value=off,
        bar=0.0,
        outcome=outcome,
        detail=detail if off else "",
        knob=knob,
    )


def rule_reading(**given: Any) -> Reading:
    """A reading of this half."""
    return Reading(half="rule", **given)

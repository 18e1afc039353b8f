"""What rounding does to a side's gradients: its own passes again, from weights moved by an ULP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dualtrain.lockstep import Led, Pass, explore, nudged, unit_of
from dualtrain.training._passes import Group, Passes

__all__ = ["Rounding"]

MOST = 256
"""Passes that a side makes to explain distances, all updates together: a fault stays one."""


class Rounding:
    """Makes the nudged passes of a side that follows, where it is not near the leading one."""

    def __init__(self, passes: Passes) -> None:
        self._passes, self._made = passes, 0
        amp = passes.run.plan.spec.amp
        self._dtype = "float32" if amp is None else amp.dtype

    def explored(
        self, led: Led, group: Group, passed: Pass, wide: Pass | None
    ) -> tuple[tuple[Mapping[str, float], ...], Mapping[str, float]]:
        """The `nudges` and `reached` of the update.

        passed, wide: the side's own passes, in the run's types and in float64.
        """
        tensors = led.before.tensors
        weights = {n: w for n, w in tensors.weights.items() if n not in passed.statistics}

        def again(seed: int, ulps: int) -> Pass:
            self._made += 1
            moved = nudged(weights, seed=seed, ulps=ulps, dtype=self._dtype)
            held = replace(tensors, weights={**tensors.weights, **moved})
            return self._passes.alone(replace(led.before, tensors=held), group)

        unit = unit_of(self._passes.run.plan, tensors.weights)
        return explore(passed, wide, led.passed, again, u=unit, most=max(0, MOST - self._made))

"""What rounding does to a side's gradients: its own passes again, from weights moved by an ULP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dualtrain.lockstep import TYPES, Led, Pass, explore, nudged, unit_of
from dualtrain.training.states._passes import Group, Passes

__all__ = ["Rounding"]

MOST = 256
"""Passes that a side makes to explain distances, in all: a fault would ask for them each time."""


class Rounding:
    """Makes the nudged passes of a side that follows, where it is not near the leading one."""

    def __init__(self, passes: Passes) -> None:
        self._passes, self._made = passes, 0

    def explored(
        self, led: Led, group: Group, passed: Pass, wide: Pass | None
    ) -> tuple[tuple[Mapping[str, float], ...], Mapping[str, float]]:
        """The `nudges` and `reached` of an update.

        passed, wide: the side's own passes, in the run's types and in float64.
        """
        tensors = led.before.tensors
        unit = unit_of(self._passes.run.plan, tensors.weights)

        def moved(seed: int, ulps: int) -> Pass:
            self._made += 1
            weights = nudged(tensors.weights, seed=seed, ulps=ulps, dtype=TYPES[unit])
            near = replace(led.before, tensors=replace(tensors, weights=weights))
            return self._passes.alone(near, group)

        return explore(passed, wide, led.passed, moved, u=unit, most=max(0, MOST - self._made))

"""One tensor, or several as one: how far apart, of how far it moved, and how much is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import TraceError
from dualtrain.parity._tolerances import (
    NOISE,
    NOISY_STILL,
    QUIET,
    QUIET_NOISE,
    QUIET_STILL,
    STILL,
    Tolerances,
    floor_factor,
    raised,
)
from dualtrain.parity._weight_set import WeightSet, apart, norm

__all__ = ["Measured", "ParameterDifference"]


@dataclass(frozen=True, kw_only=True)
class ParameterDifference:
    """One parameter, compared."""

    name: str
    difference: float
    """|B - A|_2 / movement; 0 for equal tensors."""
    bound: float
    """What is allowed."""
    raised: bool
    """Whether the chaos floor raised it."""
    floor: float | None
    """Its own chaos floor; None if that was not measured."""
    movement: float
    """Root mean square over its elements, on the side that moved it farther."""
    still: bool
    """Moved by rounding alone on both sides, and so not judged by the bound."""

    @property
    def apart(self) -> bool:
        """Beyond the bound; a difference that is not a number always is."""
        return not self.difference <= self.bound


@dataclass(frozen=True)
class Measured:
    """Both sides and side a's own runs again, and what is allowed between them."""

    a: WeightSet
    b: WeightSet
    floors: Sequence[WeightSet]
    overall: tuple[float, float]
    """Root mean square of how far each side's parameters moved."""
    allowed: Tolerances
    rounding: Mapping[str, float]
    """Name -> what storing a tensor may do to it, relative to its own size."""

    def __post_init__(self) -> None:
        for again in self.floors:
            if again.final.keys() != self.a.final.keys():
                raise TraceError(
                    "the chaos floor is side a's own run again, so it has the same parameters. "
                    f"Received: {len(again.final)} parameters against {len(self.a.final)}"
                )

    def parameters(self, names: Sequence[str]) -> tuple[ParameterDifference, ...]:
        """Each by itself; a floor that several show together is a floor of each."""
        noise = {name: self._floor([name]) for name in names}
        quiet = bool(names) and median(noise.values()) <= QUIET
        still = {name for name in names if self._still(name, _share(noise[name], quiet=quiet))}
        whole = self._floor([name for name in names if name not in still])
        return tuple(
            self._one(name, noise[name], max(noise[name], whole), still=name in still)
            for name in names
        )

    def statistic(self, name: str) -> ParameterDifference:
        """A mean by how far it moved, or by the deviations beside it if those are more."""
        scale = max(_deviation(side, name) for side in (self.a, self.b))
        noise = self._floor([name], scale)
        return self._one(name, noise, noise, scale=scale)

    def together(self, names: Sequence[str], what: str) -> ParameterDifference:
        """All of them as one tensor."""
        noise = self._floor(names)
        widened = raised(self.allowed.weights, noise, floor_factor(len(self.floors)))
        return ParameterDifference(
            name=f"all {what} together",
            difference=self._difference(names),
            bound=widened,
            raised=widened > self.allowed.weights,
            floor=noise if self.floors else None,
            movement=self._moved(names) / math.sqrt(max(1, sum(self._size(n) for n in names))),
            still=False,
        )

    def _one(
        self, name: str, noise: float, floor: float, *, scale: float = 0.0, still: bool = False
    ) -> ParameterDifference:
        x, y = self.a.final[name], self.b.final[name]
        moved = max(self._moved([name]), scale)
        stored = self.rounding[name] * max(norm(x), norm(y))
        widened = raised(self.allowed.weights, floor, floor_factor(len(self.floors)))
        return ParameterDifference(
            name=name,
            difference=self._difference([name], scale),
            bound=widened + (stored / moved if moved else 0.0),  # unmoved: no update rounded it
            raised=widened > self.allowed.weights,
            floor=noise if self.floors else None,
            movement=self._moved([name]) / math.sqrt(max(1, self._size(name))),
            still=still,
        )

    def _still(self, name: str, share: float) -> bool:
        """Whether a tensor began equal and moved at most this share as far as the parameters on
        the whole, on both sides."""
        return np.array_equal(self.a.initial[name], self.b.initial[name]) and all(
            side.movement[name] <= share * whole * math.sqrt(max(1, side.final[name].size))
            for side, whole in ((self.a, self.overall[0]), (self.b, self.overall[1]))
        )

    def _size(self, name: str) -> int:
        return max(self.a.final[name].size, self.b.final[name].size)

    def _moved(self, names: Sequence[str], *others: WeightSet) -> float:
        """|movement|_2 of these tensors, on the side that moved them farthest."""
        return max(
            math.hypot(*(side.movement[name] for name in names))
            for side in (self.a, self.b, *others)
        )

    def _difference(self, names: Sequence[str], scale: float = 0.0) -> float:
        parted = math.hypot(*(apart(self.a.final[n], self.b.final[n]) for n in names))
        return _ratio(parted, max(self._moved(names), scale))

    def _floor(self, names: Sequence[str], scale: float = 0.0) -> float:
        """The same of side a against its own runs again, less what these began apart by."""
        a = self.a
        return max(
            (
                _ratio(
                    math.hypot(
                        *(apart(a.final[n], again.final[n] - _begun(a, again, n)) for n in names)
                    ),
                    max(self._moved(names, again), scale),
                )
                for again in self.floors
            ),
            default=0.0,
        )


def _share(noise: float, *, quiet: bool) -> float:
    """How far a tensor may move by rounding alone, of how far the parameters on the whole moved."""
    if quiet:
        return QUIET_STILL if noise >= QUIET_NOISE else STILL
    return NOISY_STILL if noise >= NOISE else STILL


def _begun(a: WeightSet, again: WeightSet, name: str) -> NDArray[np.float64]:
    """How far a nudge moved a tensor."""
    moved: NDArray[np.float64] = again.initial[name].astype(np.float64) - a.initial[name]
    return moved


def _deviation(side: WeightSet, name: str) -> float:
    """|deviations|_2 of what a running mean is of; 0 of any other tensor."""
    variance = side.final.get(f"{name.removesuffix(_MEAN)}{_VARIANCE}")
    if not name.endswith(_MEAN) or variance is None:
        return 0.0
    return norm(np.sqrt(np.maximum(variance, 0)))


_MEAN, _VARIANCE = "running_mean", "running_var"


def _ratio(part: float, whole: float) -> float:
    if part == 0:
        return 0.0
    return part / whole if whole else math.inf

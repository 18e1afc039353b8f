"""The weights of one run: where it began, where it ended, how far each tensor moved."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep import by_part as parts_of

__all__ = ["Arrays", "WeightSet", "apart", "by_part", "norm"]

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class WeightSet:
    """The weights of one run under canonical names, in canonical layout, float32."""

    initial: Arrays
    final: Arrays
    averages: Arrays | None = None
    """The final moving averages; None of a run without."""

    @property
    def averaged(self) -> WeightSet | None:
        """From the same initial weights to the averages."""
        return None if self.averages is None else WeightSet(self.initial, self.averages)

    @cached_property
    def lost(self) -> dict[str, NDArray[np.bool_]]:
        """Where final tensors hold a number that is none; of those that do."""
        places = ((name, ~np.isfinite(array)) for name, array in self.final.items())
        return {name: lost for name, lost in places if lost.any()}

    def without(self, names: frozenset[str], lost: Mapping[str, NDArray[np.bool_]]) -> WeightSet:
        """The other tensors, with zeros in the places that are lost."""
        kept = [name for name in self.final if name not in names]
        return WeightSet(
            *(
                {n: np.where(lost[n], 0, arrays[n]) if n in lost else arrays[n] for n in kept}
                for arrays in (self.initial, self.final)
            )
        )

    @cached_property
    def movement(self) -> dict[str, float]:
        """Name -> |final - initial|_2."""
        return {name: apart(self.final[name], self.initial[name]) for name in self.final}

    def overall(self, but: Collection[str] = ()) -> float:
        """Root mean square of the movement over all elements of all other tensors."""
        names = [name for name in self.final if name not in but]
        elements = sum(self.final[name].size for name in names)
        squares = sum(self.movement[name] ** 2 for name in names)
        return math.sqrt(squares / elements) if elements else 0.0


def by_part(weights: WeightSet) -> WeightSet:
    """The weights, with a tensor of its own for each part of a fused bias."""
    return WeightSet(parts_of(weights.initial), parts_of(weights.final))


def apart(x: NDArray[Any], y: NDArray[Any]) -> float:
    """|x - y|_2 in float64; inf between different shapes."""
    return norm(x.astype(np.float64) - y) if x.shape == y.shape else math.inf


def norm(x: NDArray[Any]) -> float:
    """|x|_2 in float64."""
    return float(np.linalg.norm(x.astype(np.float64).ravel()))

"""The final weights, tensor by tensor: how far apart, against how far training moved them.

The metric is update-relative: |B - A|_2 / |movement|_2 of a tensor, where the movement is from its
initial to its final values, on the side that moved it farther (so the verdict is the same from both
sides). The bound is `Tolerances.weights` plus what float32 storage does to the weights themselves:
(sqrt(updates) x `STORAGE_ROUNDING` + updates x `DECAY_ROUNDING` if it decays) x |w|_2 / movement.

Some tensors must be judged apart. The softmax cancels the biases of attention keys: their true
gradient is zero, and AdamW, which divides by the gradient's own size, turns its rounding noise into
small moves of random sign. Their update-relative difference is about 1, also in the chaos floor,
where one framework runs against itself with one weight moved by 1 ULP. So a tensor that moved on
both sides less than `STILL` times as far as the parameters on the whole (root mean squares) moved
by rounding alone: it is listed by name with its numbers, and nothing more is asked of it than to
have begun equal and stayed that still. Where the floor was measured and shows a tensor to be noise,
the share is `NOISY_STILL`. A tensor that moved on one side only is judged like any other, and so
is a frozen one that began unequal.

Where query, key and value share one tensor, their biases are compared as three.

In mixed precision such noise moves those tensors as far as the others move, so that nothing tells
them apart, and all parameters are judged together, as one tensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import TraceError
from dualtrain.lockstep import by_part
from dualtrain.parity._tolerances import (
    DECAY_ROUNDING,
    FLOOR_WEIGHTS,
    NOISE,
    NOISY_STILL,
    STILL,
    STORAGE_ROUNDING,
    Tolerances,
    raised,
)

__all__ = ["Arrays", "ParameterDifference", "WeightSet", "Weights", "compare_weights"]

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
        return {name: _apart(self.final[name], self.initial[name]) for name in self.final}

    @cached_property
    def overall(self) -> float:
        """Root mean square of the movement over all elements of all parameters."""
        elements = sum(array.size for array in self.final.values())
        squares = sum(moved**2 for moved in self.movement.values())
        return math.sqrt(squares / elements) if elements else 0.0

    def stood_still(self, name: str, share: float) -> bool:
        """Whether a tensor moved at most this share as far as the parameters on the whole."""
        return _rms(self.movement[name], self.final[name]) <= share * self.overall


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
    movement: float
    """Root mean square over its elements, on the side that moved it farther."""
    still: bool
    """Moved by rounding alone on both sides, and so not judged by the bound."""

    @property
    def apart(self) -> bool:
        """Beyond the bound; a difference that is not a number always is."""
        return not self.difference <= self.bound


@dataclass(frozen=True, kw_only=True)
class Weights:
    """All parameters, compared."""

    tensors: tuple[ParameterDifference, ...]
    """Those that both sides have, in canonical order."""
    alone: tuple[str, ...]
    """The names that one side has and the other lacks."""
    not_finite: tuple[str, ...]
    """The names of those that hold, on one side, a number that is none: not compared."""
    lost: tuple[str, ...]
    """The names of those that hold such numbers at the same places on both sides: compared
    elsewhere."""
    judged: tuple[ParameterDifference, ...]
    """What the verdict is about: the tensors that are not still, or all of them as one."""
    movement: float
    """Root mean square over all parameters, on the side that moved farther."""
    tolerance: float
    """That of the precision, before what float32 storage adds to it."""
    floor: float | None
    """The chaos floor: the largest difference of what is judged when side a runs again with one
    weight moved by 1 ULP. None if that was not run."""

    @property
    def chaotic(self) -> bool:
        """Whether the chaos floor is above the tolerance: the run magnifies rounding."""
        return self.floor is not None and self.floor > self.tolerance

    @property
    def by_rounding(self) -> tuple[ParameterDifference, ...]:
        """The tensors that moved, but by rounding alone."""
        return tuple(tensor for tensor in self.tensors if tensor.still and tensor.movement)


def compare_weights(
    a: WeightSet,
    b: WeightSet,
    *,
    allowed: Tolerances,
    decaying: frozenset[str],
    updates: int,
    floor: WeightSet | None,
) -> Weights:
    """Compare the final weights under the names that both have.

    decaying: the names whose weights shrink at each of the `updates`.
    floor: side a again, with one weight moved by 1 ULP.
    """
    alone = tuple(sorted(a.final.keys() ^ b.final.keys()))
    lost = {n: a.lost[n] for n in a.lost if n in b.lost and np.array_equal(a.lost[n], b.lost[n])}
    not_finite = frozenset(a.lost.keys() | b.lost.keys()) - lost.keys()
    a, b = (_by_part(side.without(not_finite, lost)) for side in (a, b))
    floor = floor and _by_part(floor.without(not_finite, lost))
    stored, shrunk = math.sqrt(updates) * STORAGE_ROUNDING, updates * DECAY_ROUNDING
    noise = {} if floor is None else _noise(a, floor)
    tensors = tuple(
        _tensor(
            name,
            a,
            b,
            noise=noise.get(name, 0.0),
            tolerance=allowed.weights,
            rounding=stored + (shrunk if name.partition(" ")[0] in decaying else 0.0),
        )
        for name in sorted(a.final.keys() & b.final.keys())
    )
    judged = tuple(tensor for tensor in tensors if not tensor.still)
    reached = max((noise.get(tensor.name, 0.0) for tensor in judged), default=0.0)
    if allowed.weights_together:
        reached = 0.0 if floor is None else _difference(a, floor, tuple(a.final))
        names = tuple(tensor.name for tensor in tensors)
        judged = (_together(a, b, names, noise=reached, tolerance=allowed.weights),)
    return Weights(
        tensors=tensors,
        alone=alone,
        not_finite=tuple(sorted(not_finite)),
        lost=tuple(sorted(lost)),
        judged=judged,
        movement=max(a.overall, b.overall),
        tolerance=allowed.weights,
        floor=None if floor is None else reached,
    )


def _by_part(weights: WeightSet) -> WeightSet:
    """The weights, with a tensor of its own for each part of a fused bias."""
    return WeightSet(by_part(weights.initial), by_part(weights.final))


def _noise(a: WeightSet, again: WeightSet) -> dict[str, float]:
    """Name -> the tensor's own chaos floor."""
    if again.final.keys() != a.final.keys():
        raise TraceError(
            "the chaos floor is side a's own run again, so it has the same parameters. "
            f"Received: {len(again.final)} parameters against {len(a.final)}"
        )
    return {name: _difference(a, again, (name,)) for name in a.final}


def _tensor(
    name: str, a: WeightSet, b: WeightSet, *, noise: float, tolerance: float, rounding: float
) -> ParameterDifference:
    """noise: the tensor's chaos floor. rounding: what float32 may do, relative to its own size."""
    still = NOISY_STILL if noise >= NOISE else STILL
    x, y = a.final[name], b.final[name]
    moved = max(a.movement[name], b.movement[name])
    stored = rounding * max(_norm(x), _norm(y))
    widened = raised(tolerance, noise, FLOOR_WEIGHTS)
    return ParameterDifference(
        name=name,
        difference=_difference(a, b, (name,)),
        bound=widened + (stored / moved if moved else 0.0),  # unmoved: no update rounded it
        raised=widened > tolerance,
        movement=_rms(moved, x),
        still=(
            np.array_equal(a.initial[name], b.initial[name])
            and a.stood_still(name, still)
            and b.stood_still(name, still)
        ),
    )


def _together(
    a: WeightSet, b: WeightSet, names: tuple[str, ...], *, noise: float, tolerance: float
) -> ParameterDifference:
    """All parameters that both sides have, as one tensor."""
    widened = raised(tolerance, noise, FLOOR_WEIGHTS)
    return ParameterDifference(
        name="all parameters together",
        difference=_difference(a, b, names),
        bound=widened,
        raised=widened > tolerance,
        movement=max(a.overall, b.overall),
        still=False,
    )


def _difference(a: WeightSet, b: WeightSet, names: tuple[str, ...]) -> float:
    """|B - A|_2 over the movement of these tensors, on the side that moved them farther."""
    apart = math.hypot(*(_apart(a.final[name], b.final[name]) for name in names))
    moved = max(math.hypot(*(side.movement[name] for name in names)) for side in (a, b))
    return _ratio(apart, moved)


def _rms(norm: float, array: NDArray[Any]) -> float:
    return norm / math.sqrt(max(1, array.size))


def _ratio(part: float, whole: float) -> float:
    if part == 0:
        return 0.0
    return part / whole if whole else math.inf


def _apart(x: NDArray[Any], y: NDArray[Any]) -> float:
    """|x - y|_2 in float64; inf between different shapes."""
    return _norm(x.astype(np.float64) - y) if x.shape == y.shape else math.inf


def _norm(x: NDArray[Any]) -> float:
    return float(np.linalg.norm(x.astype(np.float64).ravel()))

"""The final weights, tensor by tensor: how far apart, against how far training moved them.

The metric is update-relative: |B - A|_2 / |movement|_2 of a tensor, where the movement is from its
initial to its final values, on the side that moved it farther (so the verdict is the same from both
sides). The bound is `Tolerances.weights` plus what float32 storage does to the weights themselves:
(sqrt(updates) x `STORAGE_ROUNDING` + updates x `DECAY_ROUNDING` if it decays) x |w|_2 / movement.

Running statistics are no weights: nothing trains them, they follow the data, and may move a
hundred times as far as any weight. So they count for nothing in how far the parameters moved, and
are judged by themselves, each mean against the deviations beside it if they are more than its
movement.

Some tensors must be judged apart. The softmax cancels the biases of attention keys: their true
gradient is zero, and AdamW, which divides by the gradient's own size, turns its rounding noise into
small moves of random sign. Their update-relative difference is about 1, also in the chaos floor,
where one framework runs against itself with every weight moved by 1 ULP. So a tensor that moved on
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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dualtrain.parity._tensors import Measured, ParameterDifference
from dualtrain.parity._tolerances import DECAY_ROUNDING, STORAGE_ROUNDING, Tolerances
from dualtrain.parity._weight_set import WeightSet, by_part

__all__ = ["Weights", "compare_weights"]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """All parameters, compared."""

    tensors: tuple[ParameterDifference, ...]
    """The parameters that both sides have, in canonical order."""
    statistics: tuple[ParameterDifference, ...]
    """The running statistics that both sides have; in mixed precision all of them as one."""
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
    """The chaos floor: the largest difference of what is judged when side a runs again with every
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
    statistics: frozenset[str],
    updates: int,
    floors: Sequence[WeightSet],
) -> Weights:
    """Compare the final weights under the names that both have.

    decaying: the names whose weights shrink at each of the `updates`. statistics: the names of
    running statistics. floors: side a again, with every weight moved by 1 ULP.
    """
    alone = tuple(sorted(a.final.keys() ^ b.final.keys()))
    lost = {n: a.lost[n] for n in a.lost if n in b.lost and np.array_equal(a.lost[n], b.lost[n])}
    not_finite = frozenset(a.lost.keys() | b.lost.keys()) - lost.keys()
    a, b, *floors = (by_part(side.without(not_finite, lost)) for side in (a, b, *floors))
    names = sorted(a.final.keys() & b.final.keys())
    rounding = {
        name: _rounded(updates, decays=name.partition(" ")[0] in decaying) for name in names
    }
    overall = a.overall(statistics), b.overall(statistics)
    measured = Measured(a, b, floors, overall, allowed, rounding)
    running = [name for name in names if name in statistics]
    tensors = measured.parameters([name for name in names if name not in statistics])
    judged = tuple(tensor for tensor in tensors if not tensor.still)
    if allowed.weights_together:
        judged = (measured.together([tensor.name for tensor in tensors], "parameters"),)
        told = [measured.together(running, "running statistics")] if running else []
    else:
        told = [measured.statistic(name) for name in running]
    return Weights(
        tensors=tensors,
        statistics=tuple(told),
        alone=alone,
        not_finite=tuple(sorted(not_finite)),
        lost=tuple(sorted(lost)),
        judged=judged,
        movement=max(overall),
        tolerance=allowed.weights,
        floor=max((tensor.floor or 0.0 for tensor in judged), default=0.0) if floors else None,
    )


def _rounded(updates: int, *, decays: bool) -> float:
    """What storing the weights in float32 may do to them, relative to their own size."""
    return math.sqrt(updates) * STORAGE_ROUNDING + (updates * DECAY_ROUNDING if decays else 0.0)

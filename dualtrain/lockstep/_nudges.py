"""How far rounding alone moves a side's own gradients: the same pass from weights moved by an ULP.

Three such passes show the size of honest differences. At a kink, where rounding puts a unit on one
side of a ReLU or on the other, few of them jump; so where they do not explain the distance to the
leading side, more are made, until one comes as near to it as rounding does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from dualtrain.lockstep._quantities import Quantities, distance, quantities, share, zeros
from dualtrain.lockstep._record import Pass
from dualtrain.lockstep._units import SINGLE

__all__ = ["bar", "explore"]

NEAR = 64
"""Units within which two honest passes lie, most often: accepted at no further cost. The largest
measured, but at kinks: 58."""

FLOORS = 8
"""Times the floor that honest passes are allowed beyond that. The largest measured: 3.1."""

_NUDGES = 3
_MORE = 64
_MOST_ULPS = 8

Distances = Mapping[str, float]


def explore(
    own: Pass,
    wide: Pass | None,
    leading: Pass,
    nudged: Callable[[int, int], Pass],
    *,
    u: float = SINGLE,
    most: int = _MORE,
) -> tuple[tuple[Distances, ...], Distances]:
    """The `nudges` and `reached` of a `Shown`: nothing where the two sides are near at once.

    own, wide: this side's passes; leading: the leading side's, in the run's own types.
    nudged(seed, ulps): a pass from the same state with every weight moved by -ulps to ulps ULP of
        the type it computes in, at random.
    u: half an ULP of 1 in that type.
    most: further passes, where the first do not do; 64 in any case.

    Of the names that one side lacks nothing is told.
    """
    here, there = quantities(own), quantities(leading)
    nothing = zeros(quantities(wide)) if wide is not None else frozenset()
    apart = {
        name: distance(here[name], there[name])
        for name in here.keys() & there.keys()
        if here[name].finite and there[name].finite
    }
    far = {n for n, d in apart.items() if d * share(n, here, there, nothing) > bar(u, ())}
    if not far:
        return (), {}
    nudges = tuple(_distances(here, nudged(seed, 1)) for seed in range(_NUDGES))
    allowed = {name: bar(u, [nudge.get(name, 0.0) for nudge in nudges]) for name in far}
    missing = {name for name in far if apart[name] > allowed[name]}
    reached = {name: apart[name] for name in missing}
    for further in range(min(most, _MORE)):
        if not missing:
            break
        again = _distances(there, nudged(_NUDGES + further, 1 + further % _MOST_ULPS))
        reached |= {n: min(d, again[n]) for n, d in reached.items() if n in again}
        missing = {name for name in missing if reached[name] > allowed[name]}
    return nudges, reached


def bar(u: float, floors: Iterable[float]) -> float:
    """How far apart two honest passes may be, by how far rounding is seen to move one."""
    return max(NEAR * u, *(FLOORS * floor for floor in floors if math.isfinite(floor)), 0.0)


def _distances(to: Quantities, made: Pass) -> dict[str, float]:
    again = quantities(made)
    apart = {name: distance(held, again[name]) for name, held in to.items() if name in again}
    return {name: d for name, d in apart.items() if math.isfinite(d)}

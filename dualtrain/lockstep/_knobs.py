"""Which fields of a spec to look at where two passes differ, as far as the numbers tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from dualtrain.lockstep._quantities import Quantities, Quantity
from dualtrain.lockstep._reading import Reading

__all__ = ["with_knobs"]

ALIKE = 1e-3
"""How closely one factor must explain two gradients, as a share of what it is away from 1."""

_FACTOR = "batch.accumulate, batch.normalise, batch.tail, amp.loss_scale"
_FORWARD = "loss, task.model"
_BACKWARD = "batch.accumulate, batch.normalise, task.model, freeze"
_STATISTIC = "batch_norm, freeze.batch_stats, task.model"


def with_knobs(readings: Sequence[Reading], a: Quantities, b: Quantities) -> list[Reading]:
    """The readings of one stage, with the fields to look at where they differ.

    Gradients that all differ by one factor are of equal passes, divided otherwise; losses that
    differ are of another forward pass; what is left is the backward pass, or what was added up.
    """
    differing = [reading for reading in readings if reading.outcome == "differs"]
    kinds = {reading.what for reading in differing}
    factor = _factor([(a[n], b[n]) for n in _named(differing, a) if n in b])
    gradient = _FORWARD if "loss" in kinds else _BACKWARD if factor is None else _FACTOR
    knobs = {"gradient": gradient, "loss": _FORWARD, "statistic": _STATISTIC}
    told = (
        "" if factor is None else f"; the second side's is {factor:.9g} times the first's, in all"
    )

    def explained(reading: Reading) -> Reading:
        if reading.outcome != "differs":
            return reading
        more = "" if reading.what == "statistic" else told
        return replace(reading, detail=reading.detail + more, knob=knobs[reading.what])

    return [explained(reading) for reading in readings]


def _named(differing: Sequence[Reading], held: Quantities) -> list[str]:
    """The gradients that differ, and all losses if one does."""
    kinds = {reading.what for reading in differing}
    tensors = {reading.tensor for reading in differing}
    return [
        name
        for name, quantity in held.items()
        if quantity.kind in kinds
        and (quantity.kind == "loss" or (quantity.kind == "gradient" and name in tensors))
    ]


def _factor(pairs: Sequence[tuple[Quantity, Quantity]]) -> float | None:
    """f, where each second one is f times the first; None where that does not explain them."""
    found = list(_factors(pairs))
    if not found or None in found:
        return None
    factors = np.array(found, np.float64)
    middle = float(np.median(factors))
    return middle if np.all(np.abs(factors - middle) <= ALIKE * abs(middle - 1)) else None


def _factors(pairs: Sequence[tuple[Quantity, Quantity]]) -> Iterator[float | None]:
    """Of each pair the factor of least squares; None where it leaves much."""
    for x, y in pairs:
        if x.values.shape != y.values.shape or x.size == 0:
            yield None
            continue
        factor = float(np.vdot(x.values, y.values)) / float(x.size) ** 2
        left = float(np.linalg.norm((y.values - factor * x.values).ravel()))
        yield factor if left <= ALIKE * abs(factor - 1) * float(x.size) else None

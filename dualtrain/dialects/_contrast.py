"""How far a library's reading of a spec is from dualtrain's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dualtrain.dialects._dialect import Dialect
from dualtrain.dialects._read import Reading, read
from dualtrain.dialects._remarks import remarks
from dualtrain.plan import Plan

__all__ = ["Contrast", "Distance", "contrast"]


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How two curves differ. Rates are compared over the updates that both runs make."""

    largest: float
    """Largest |difference| of two rates, absolute."""
    largest_at: int | None
    """Its update, the first such; None if no rate differs."""
    first: int | None
    """First update that differs: in its rate, or because only one run makes it. None: none."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A reading beside the spec as dualtrain reads it."""

    reading: Reading
    distance: Distance | None
    """None where the library refuses."""
    remarks: tuple[str, ...]
    """What else the library does differently, one sentence each; only with the first reading."""


def contrast(plan: Plan, dialects: Iterable[Dialect]) -> tuple[Contrast, ...]:
    """Read a plan's spec in each dialect, for the same number of micro-batches."""
    contrasts = []
    for dialect in dialects:
        readings = read(plan.spec, dialect, micro_batches_per_epoch=plan.micro_batches_per_epoch)
        for reading in readings:
            contrasts.append(
                Contrast(
                    reading=reading,
                    distance=None if reading.plan is None else rate_distance(plan, reading.plan),
                    remarks=remarks(plan, reading) if reading is readings[0] else (),
                )
            )
    return tuple(contrasts)


def rate_distance(a: Plan, b: Plan) -> Distance:
    """Compare two plans' rates, update by update, as float64.

    >>> rate_distance(floor, ceil)  # linear, lr 1.0, T = 100, W = 7 and W = 8
    Distance(largest=0.125, largest_at=7, first=1)
    """
    both = min(a.total_updates, b.total_updates)
    differences = np.abs(a.lr_curve()[:both] - b.lr_curve()[:both])
    at = int(differences.argmax())
    ends = both if a.total_updates != b.total_updates else None
    if not differences[at]:
        return Distance(largest=0.0, largest_at=None, first=ends)
    first = int(np.flatnonzero(differences)[0])
    return Distance(largest=float(differences[at]), largest_at=at, first=first)

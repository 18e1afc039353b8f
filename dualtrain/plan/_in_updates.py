"""A schedule that counts epochs, said in updates: what to write when only the warmup must not."""

from __future__ import annotations

from dualtrain.spec import Spec

__all__ = ["in_updates"]


def in_updates(spec: Spec, unit: int) -> str | None:
    """What says in updates what the spec's schedule says in epochs of `unit` updates.

    multistep with milestones [8, 11], 101 updates an epoch:
    "write milestones: [808, 1111] without per: epoch". None where nothing says it.
    """
    other = spec.schedule.restated(unit)
    if other is not None:
        return f"write schedule: {other}"
    fields = spec.schedule.in_updates(unit)
    if fields is None:
        return None
    if spec.horizon is not None:
        fields.append(f"horizon: {spec.horizon * unit}")
    if not fields:
        return "leave per: epoch out, so that the rate moves at every update"
    return f"write {', '.join(fields)} without per: epoch"

"""A schedule that counts epochs, said in updates: what to write when only the warmup must not."""

from __future__ import annotations

from collections.abc import Iterator

from dualtrain.spec import (
    CosineAnnealingWarmRestarts,
    Cyclic,
    Exponential,
    InverseSqrt,
    InverseTime,
    MultiStep,
    NaturalExp,
    Noam,
    OneCycle,
    Piecewise,
    Schedule,
    Sequential,
    Spec,
    Step,
    WarmupStableDecay,
)

__all__ = ["in_updates"]

_COUNTS: dict[type, tuple[str, ...]] = {
    Step: ("every",),
    MultiStep: ("milestones",),
    Piecewise: ("boundaries",),
    InverseSqrt: ("timescale",),
    Noam: ("warmup_steps",),
    WarmupStableDecay: ("stable", "decay"),
    Cyclic: ("up", "down"),
    CosineAnnealingWarmRestarts: ("first",),
}
"""The fields of a schedule that are counts."""

_BY_EPOCH = (NaturalExp, InverseTime, OneCycle)
"""Curves that no count of updates keeps: their own parameters would change, too."""


def in_updates(spec: Spec, unit: int) -> str | None:
    """What says in updates what the spec's schedule says in epochs of `unit` updates.

    multistep with milestones [8, 11], 101 updates an epoch:
    "write milestones: [808, 1111] without per: epoch". None where nothing says it.
    """
    schedule = spec.schedule
    told = [*_fields(schedule, unit)]
    if spec.horizon is not None:
        told.append(f"horizon: {spec.horizon * unit}")
    match schedule:
        case Exponential(gamma=gamma):  # what falls once an epoch is a step
            return f"write schedule: {{name: step, every: {unit}, gamma: {gamma:g}}}"
        case _ if isinstance(schedule, _BY_EPOCH):
            return None
        case Sequential(phases=phases) if any(
            isinstance(phase.schedule, (*_BY_EPOCH, Exponential)) for phase in phases
        ):
            return None
    if not told:
        return "leave per: epoch out, so that the rate moves at every update"
    return f"write {', '.join(told)} without per: epoch"


def _fields(schedule: Schedule, unit: int, where: str = "") -> Iterator[str]:
    if isinstance(schedule, Sequential):
        for index, phase in enumerate(schedule.phases):
            if phase.updates is not None:
                yield f"phases[{index}].updates: {phase.updates * unit}"
            yield from _fields(phase.schedule, unit, f"phases[{index}].schedule.")
        return
    for name in _COUNTS.get(type(schedule), ()):
        count = getattr(schedule, name)
        if count is not None:
            scaled = [one * unit for one in count] if isinstance(count, tuple) else count * unit
            yield f"{where}{name}: {scaled}"

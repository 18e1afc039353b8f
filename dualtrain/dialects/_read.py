"""A spec as a library would read the same numbers: the spec translated, and planned by the core.

A dialect only sets fields; T, W and the curve come from `dualtrain.plan`, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dualtrain.dialects._dialect import Dialect, Native
from dualtrain.errors import PlanError, SpecError
from dualtrain.plan import Plan
from dualtrain.spec import Spec

__all__ = ["Reading", "read"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a library makes of a spec; `plan` is None where it refuses, and `refusal` says why."""

    dialect: Dialect
    left_out: tuple[str, ...]
    """Fields of the schedule at the library's own defaults; none when all are as in the spec."""
    plan: Plan | None
    refusal: str | None = None
    leak: int = 0
    """Micro-batches of an epoch that only count in the next one's first update."""


def read(spec: Spec, dialect: Dialect, *, micro_batches_per_epoch: int) -> tuple[Reading, ...]:
    """The spec's numbers in a library: given to it; and, if that is another run, left out.

    The second reading is what the bare name of the schedule means: a PaddleNLP recipe that says
    `cosine` and no more comes back to the peak.

    >>> [r.plan.spec.schedule.half_waves for r in read(spec, HF4, micro_batches_per_epoch=10)]
    [2.0, 1.0]
    """
    native = dialect.schedules.get(spec.schedule.name)
    if native is None:
        refusal = f"has no schedule {spec.schedule.name!r}"
        return (Reading(dialect=dialect, left_out=(), plan=None, refusal=refusal),)
    warms = spec.warmup is not None and bool(spec.warmup.steps or spec.warmup.proportion)
    given = _schedule(spec, native, {}, warms)
    bare = _schedule(spec, native, native.defaults, warms)
    readings = [_reading(spec, dialect, given, (), micro_batches_per_epoch)]
    if bare != given:
        left_out = tuple(name for name in native.defaults if bare[name] != given[name])
        readings.append(_reading(spec, dialect, bare, left_out, micro_batches_per_epoch))
    return tuple(readings)


def _schedule(spec: Spec, native: Native, changes: Any, warms: bool) -> dict[str, Any]:
    fields = {**spec.schedule.model_dump(), **changes, **native.fixed}
    if not warms:
        absent = {n: v for n, v in native.without_warmup.items() if fields[n] is None}
        fields.update(absent)
    return fields


def _reading(
    spec: Spec,
    dialect: Dialect,
    schedule: dict[str, Any],
    left_out: tuple[str, ...],
    micro_batches: int,
) -> Reading:
    native = dialect.schedules[spec.schedule.name]
    for name, limit in native.limits.items():
        if not limit.holds(schedule[name]):
            refusal = f"{limit.rule}. Received: {schedule[name]!r}"
            return Reading(dialect=dialect, left_out=left_out, plan=None, refusal=refusal)
    fields = spec.model_dump() | {"schedule": schedule}
    if dialect.horizon.value == "last update":
        fields["horizon"] = None
    if spec.warmup is not None and spec.warmup.proportion is not None:
        fields["warmup"]["rounding"] = dialect.warmup_rounding.value
    leak = 0
    if dialect.leftovers is not None:
        accumulate = spec.batch.accumulate
        if dialect.leftovers.value == "leak":
            accumulate = min(accumulate, micro_batches)  # so says a warning of the Trainer's
            leak = micro_batches % accumulate
        tail = "drop" if leak else "flush"
        fields["batch"] |= {"accumulate": accumulate, "tail": tail}
    try:
        plan = Spec(**fields).plan(micro_batches_per_epoch=micro_batches)
    except (SpecError, PlanError) as error:
        return Reading(dialect=dialect, left_out=left_out, plan=None, refusal=str(error))
    return Reading(dialect=dialect, left_out=left_out, plan=plan, leak=leak)

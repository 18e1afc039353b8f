"""A spec as a library would read the same numbers: the spec translated, and planned by the core.

A dialect only sets fields; T, W and the curve come from `dualtrain.plan`, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualtrain.dialects._dialect import Dialect
from dualtrain.dialects._native import LibrarySchedule
from dualtrain.errors import PlanError, SpecError
from dualtrain.plan import Plan, round_product
from dualtrain.spec import Spec, Warmup

__all__ = ["Reading", "read", "warmup_fields"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a library makes of a spec; `plan` is None where it refuses, and `refusal` says why."""

    dialect: Dialect
    left_out: tuple[str, ...] = ()
    """Fields of the schedule at the library's own defaults; none when all are as in the spec."""
    plan: Plan | None = None
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
    refusal = _refusal(spec, dialect, native)
    if native is None or refusal is not None:
        return (Reading(dialect=dialect, refusal=refusal),)
    given, bare = _schedule(spec, native, {}), _schedule(spec, native, native.defaults)
    readings = [_reading(spec, dialect, native, given, (), micro_batches_per_epoch)]
    left_out = tuple(name for name in native.defaults if bare[name] != given[name])
    if left_out:
        readings.append(_reading(spec, dialect, native, bare, left_out, micro_batches_per_epoch))
    return tuple(readings)


def _refusal(spec: Spec, dialect: Dialect, native: LibrarySchedule | None) -> str | None:
    """Why a library has no place for the schedule, if it has none."""
    if spec.schedule.needs_metric:
        return "the rate follows a metric: there is no curve to compare"
    if native is None:
        return f"has no schedule {spec.schedule.name!r}"
    if spec.schedule.per not in dialect.per.value:
        return f"moves its schedule at every update. Received: per {spec.schedule.per!r}"
    return None


def warmup_fields(
    native: LibrarySchedule, schedule: Mapping[str, Any], warmup: Warmup, lr: float
) -> dict[str, Any]:
    """The form that a library's warmup has, whatever the spec's own has."""
    return {
        "start": schedule["min_lr"] / lr if native.rises_from_min_lr else 0.0,
        "shape": warmup.shape if warmup.shape in native.shapes else "linear",
        "counted": "inside",
    }


def _schedule(spec: Spec, native: LibrarySchedule, changes: Any) -> dict[str, Any]:
    fields = {**spec.schedule.model_dump(), **changes, **native.fixed}
    warms = spec.warmup is not None and bool(getattr(spec.warmup, spec.warmup.length))
    if not warms:
        fields.update({n: v for n, v in native.without_warmup.items() if fields[n] is None})
    return fields


def _reading(
    spec: Spec,
    dialect: Dialect,
    native: LibrarySchedule,
    schedule: dict[str, Any],
    left_out: tuple[str, ...],
    micro_batches: int,
) -> Reading:
    for name, limit in native.limits.items():
        if not limit.holds(schedule[name]):
            refusal = f"{limit.rule}. Received: {schedule[name]!r}"
            return Reading(dialect=dialect, left_out=left_out, refusal=refusal)
    fields: dict[str, Any] = spec.model_dump() | {"schedule": schedule, "shift": 0}
    if dialect.horizon.value == "last update":
        fields["horizon"] = None
    if spec.warmup is not None:
        fields["warmup"] |= warmup_fields(native, schedule, spec.warmup, spec.optimizer.lr)
        if spec.warmup.proportion is not None:
            fields["warmup"]["rounding"] = dialect.warmup_rounding.value
    leak = 0
    if dialect.leftovers is not None:
        accumulate = spec.batch.accumulate
        if dialect.leftovers.value == "leak":
            accumulate = min(accumulate, micro_batches)  # so says a warning of the Trainer's
            leak = micro_batches % accumulate
        fields["batch"] |= {"accumulate": accumulate, "tail": "leak" if leak else "flush"}
        if leak:  # such a library counts no targets
            fields["batch"]["normalise"] = "micro_mean"
    try:
        plan = Plan.of(Spec(**fields), micro_batches_per_epoch=micro_batches)
        epochs = spec.duration.epochs
        if epochs is not None and dialect.part_epochs is not None:
            updates = round_product(epochs, plan.updates_per_epoch, dialect.part_epochs.value)
            if updates != plan.total_updates:
                fields["duration"] = {"updates": updates}
                plan = Plan.of(Spec(**fields), micro_batches_per_epoch=micro_batches)
    except (SpecError, PlanError) as error:
        return Reading(dialect=dialect, left_out=left_out, refusal=str(error))
    return Reading(dialect=dialect, left_out=left_out, plan=plan, leak=leak)

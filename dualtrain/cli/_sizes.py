"""How many micro-batches an epoch has: from the option, the data of the task, or the spec."""

from __future__ import annotations

import typer

from dualtrain.plan import Plan
from dualtrain.spec import Spec

__all__ = ["check_plan", "count_micro_batches", "plan_of"]


def count_micro_batches(spec: Spec, option: int | None) -> int | None:
    """M; None when it is neither given nor countable nor stated nor needed (all is in updates)."""
    if option is not None:
        return option
    if spec.task is not None:
        return _counted(spec)
    what = _in_epochs(spec)
    if what is not None:
        raise typer.BadParameter(
            f"is needed: the {what} is in epochs, and the spec has neither a task whose data could "
            "be counted nor batch.micro_batches_per_epoch. Received: nothing",
            param_hint="--micro-batches",
        )
    return spec.batch.micro_batches_per_epoch


def check_plan(spec: Spec, option: int | None) -> str | None:
    """Plan a spec as far as its sizes are known; why that is not to the end, or None.

    What `plan` would refuse is refused here, by the same function and in the same words. A plan
    whose lengths are the same for every M is made without one.

    Raises `PlanError`, and `DataError` for data that is there and cannot be counted.
    """
    unknown = None if option is not None else _unknown(spec)
    if unknown is None:
        plan_of(spec, count_micro_batches(spec, option)).check_length()
    elif _same_for_every_count(spec):
        plan_of(spec, None)
    return unknown


def _unknown(spec: Spec) -> str | None:
    """Why M is not known, though it is needed."""
    if spec.task is not None:
        path = spec.folder / spec.task.train
        return None if path.exists() else f"{path} is not there"
    what = _in_epochs(spec)
    return None if what is None else f"the {what} is in epochs"


def _in_epochs(spec: Spec) -> str | None:
    """What cannot be planned without M, if anything cannot."""
    if spec.batch.micro_batches_per_epoch is not None:
        return None
    if spec.duration.updates is None:
        return "duration"
    if spec.warmup is not None and spec.warmup.epochs:
        return "warmup"
    if spec.horizon is not None and spec.horizon.epochs:
        return "horizon"
    return "schedule" if spec.schedule.per == "epoch" else None


def _same_for_every_count(spec: Spec) -> bool:
    """Whether the schedule's own length follows from the spec alone."""
    by_epoch = spec.schedule.per == "epoch"
    if spec.warmup is not None and spec.warmup.moves_by_update:
        return False
    if spec.horizon is not None:
        return spec.horizon.epochs is None or by_epoch
    return (spec.duration.epochs is not None) == by_epoch


def _counted(spec: Spec) -> int:
    from dualtrain.data import batch_count

    size = spec.batch.size
    assert spec.task is not None and size is not None, "a task has batch.size"
    rows = spec.task.read(spec.folder)  # refuses what training would refuse
    return batch_count(len(rows), size)


def plan_of(spec: Spec, count: int | None, *, world_size: int = 1) -> Plan:
    """The plan for M micro-batches, or for any M when all is in updates.

    T, W, H and the curve are then the same for every M; one update per epoch will do.
    """
    count = count or spec.batch.micro_batches_per_epoch or spec.batch.accumulate
    return Plan.of(spec, micro_batches_per_epoch=count, world_size=world_size)

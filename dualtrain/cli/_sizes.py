"""How many micro-batches an epoch has: from the option, or counted in the task's data."""

from __future__ import annotations

import typer

from dualtrain.plan import Plan
from dualtrain.spec import Spec

__all__ = ["count_micro_batches", "plan_of"]


def count_micro_batches(spec: Spec, given: int | None) -> int | None:
    """M; None when it is neither given nor countable nor needed (all is in updates)."""
    if given is not None:
        return given
    if spec.task is not None:
        return _counted(spec)
    if spec.duration.updates is None or spec.schedule.per == "epoch":
        what = "duration" if spec.duration.updates is None else "schedule"
        raise typer.BadParameter(
            f"is needed: the {what} is in epochs, and the spec has no task whose data could be "
            "counted. Received: nothing",
            param_hint="--micro-batches",
        )
    return None


def _counted(spec: Spec) -> int:
    from dualtrain.data import batch_count, read_splits

    size = spec.batch.size
    assert size is not None, "a task has batch.size"
    train, _, _ = read_splits(spec)  # refuses what training would refuse
    return batch_count(len(train.texts), size)


def plan_of(spec: Spec, count: int | None, *, world_size: int = 1) -> Plan:
    """The plan for M micro-batches, or for any M when all is in updates.

    T, W, H and the curve are then the same for every M; one update per epoch will do.
    """
    count = spec.batch.accumulate if count is None else count
    return spec.plan(micro_batches_per_epoch=count, world_size=world_size)

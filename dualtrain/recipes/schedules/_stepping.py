"""Where a program moves its schedule on: by batch, by update or by epoch."""

from __future__ import annotations

from dualtrain.reading import Event, Known, Made, Value, alternatives
from dualtrain.recipes._clock import clock_of
from dualtrain.recipes._seen import Seen
from dualtrain.recipes.schedules._driving import drives

__all__ = ["callback_clock", "stepped_per_epoch", "steps"]

ADVANCES = ("step", "step_update")
"""Methods that move a schedule on."""


def steps(seen: Seen) -> list[Event]:
    """Calls that move the schedule on, in branches that are not entered too."""
    return [
        one
        for one in seen.program.events
        if one.kind == "call" and one.name in ADVANCES and drives(seen, one.receiver)
    ]


def callback_clock(seen: Seen) -> tuple[str | None, Made] | None:
    """When the callback of `paddle.Model.fit` moves the schedule on, None if that is not known; and
    the callback. None where there is none."""
    for one in (made.result for made in seen.calls("LRScheduler")):
        if isinstance(one, Made) and one.path.endswith("callbacks.LRScheduler"):
            by = dict(zip(("by_step", "by_epoch"), one.args, strict=False)) | one.kwargs
            step, epoch = by.get("by_step", Known(True)), by.get("by_epoch", Known(False))
            if not isinstance(step, Known) or not isinstance(epoch, Known):
                return None, one
            return "per_batch" if step.value else "per_epoch" if epoch.value else "never", one
    return None


def _of(event: Event, schedule: Value) -> bool:
    receiver = event.receiver
    return receiver is not None and any(one is schedule for one in alternatives(receiver))


def stepped_per_epoch(seen: Seen, other: Value | None = None) -> bool | None:
    """Whether the schedule is stepped in a loop around that of the batches; None if nowhere.

    other: another schedule than the one that drives the rate.
    """
    clock = clock_of(seen)
    told = callback_clock(seen)
    if clock is None and told is not None and other is None:
        return None if told[0] is None else told[0] == "per_epoch"
    batch = None if clock is None else clock.update_loop
    moves = steps(seen) if other is None else [e for e in seen.calls("step") if _of(e, other)]
    looped = [one for one in moves if one.context.loops]
    real = [one for one in looped if one.context.real] or looped
    if not real or batch is None:
        return None
    return all(batch not in one.context.loops for one in real)

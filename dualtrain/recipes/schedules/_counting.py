"""When a schedule moves on: with each micro-batch, each update, each epoch, or never."""

from __future__ import annotations

from collections.abc import Sequence

from dualtrain.reading import Event, Instance, Made, Value, alternatives
from dualtrain.recipes._clock import Clock
from dualtrain.recipes._found import stated
from dualtrain.recipes._record import Found
from dualtrain.recipes.schedules._driving import drives, driving, factors, is_schedule, rate, writes

__all__ = ["STEPS", "schedule_steps", "scheduler_step"]

STEPS = ("step", "step_update", "step_batch", "step_epoch")
"""Methods that move a schedule on."""


def schedule_steps(clock: Clock) -> Sequence[Event]:
    """Where the rate moves on: `step` of the schedule, a method of its own, or a rate written."""
    seen, steps = clock.seen, list[Event]()
    several = _candidates(clock)
    for one in seen.program.events:
        called = one.kind == "call" and one.name in STEPS
        own = "step" in one.context.functions and one.kind in ("call", "store")
        if not (called or own) or not one.context.loops:
            continue
        if drives(seen, one.receiver) or any(one.receiver is held for held in several):
            steps.append(one)
    written = (*writes(seen), *factors(seen))
    return steps or [one for one in written if one.context.loops]


def _candidates(clock: Clock) -> list[Value]:
    """Schedules of which the text does not tell which one the optimizer holds."""
    given = rate(clock.seen)
    several = [one for one in alternatives(given) if is_schedule(one)] if given is not None else []
    return several if len(several) > 1 else []


def scheduler_step(clock: Clock) -> Found | None:
    """When it moves on; None where there is no schedule."""
    steps, held = schedule_steps(clock), driving(clock.seen)
    if not steps:
        return _of_itself(clock, held)
    entered = [one for one in steps if clock.entered(one)]
    if not entered:
        return stated("never", steps[0].place, "computed", "only in a branch that is not entered")
    found_at = {when: one for one in reversed(entered) if (when := _when(clock, one))}
    sure = {
        when: one
        for when, one in found_at.items()
        if all(c.taken is not None or clock.gated(one) for c in clock.own(one))
    }
    kept = sure or found_at
    if len(kept) == 1:
        ((when, event),) = kept.items()
        return stated(when, event.place, "computed")
    if not kept:
        return None
    place = next(iter(kept.values())).place
    return Found(None, "unknown", place, why="stepped at several places: " + ", ".join(kept))


def _of_itself(clock: Clock, held: Value | None) -> Found | None:
    """Of a schedule that nothing steps: whether it moves by itself."""
    made = clock.seen.optimizer
    inner = made is not None and made.name in ("BertAdam", "OpenAIAdam")
    path = held.path if isinstance(held, Made) else ""
    if inner or "fluid." in path:
        place = clock.updates[0].place if clock.updates else clock.loop.place
        when = "per_batch" if clock.size is None else "per_update"
        return stated(when, place, "computed", "it counts the updates by itself")
    if held is None:
        return None
    at = getattr(held, "place", None)
    return stated("never", at, "computed", "the schedule is built and never stepped")


def _when(clock: Clock, step: Event) -> str:
    plateau = "Plateau" in _path(step.receiver)
    if clock.within(step):
        if plateau:
            return "on_eval"
        gated = clock.gated(step) is not None and clock.size is not None
        return "per_update" if gated or accumulates(clock) else "per_batch"
    if clock.inner is not None and clock.update_loop in step.context.loops:
        return "per_update"
    if any(loop in step.context.loops for loop in clock.around):
        return "on_eval" if plateau else "per_epoch"
    return ""


def accumulates(clock: Clock) -> bool:
    """Whether accelerate holds updates and schedule back: `with accelerator.accumulate(model)`."""
    managers = [value for one in clock.inside() for value in one.context.managers]
    return any(isinstance(one, Made) and one.path.endswith(".accumulate") for one in managers)


def _path(schedule: Value | None) -> str:
    if isinstance(schedule, Made):
        return schedule.path
    return schedule.of.library if isinstance(schedule, Instance) else ""

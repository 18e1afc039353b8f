"""The loop of a program: what it accumulates, how long it goes on, when its schedule moves."""

from __future__ import annotations

from dataclasses import replace

from dualtrain.reading import Event
from dualtrain.recipes._clock import Clock, clock_of, counted
from dualtrain.recipes._configured import configured, setting_of
from dualtrain.recipes._found import stated
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes.loops._hazards import hazards
from dualtrain.recipes.loops._length import lengths
from dualtrain.recipes.loops._tails import tail
from dualtrain.recipes.loops._weighing import weighing
from dualtrain.recipes.schedules._counting import schedule_steps, scheduler_step

__all__ = ["loop_part"]


OF_LOOPS = ("accumulate", "epochs", "max_steps", "scheduler_step", "batch_size", "amp")


def loop_part(seen: Seen) -> Part:
    """Length, accumulation and the schedule's clock of a training loop, and what is odd there.

    Where no loop is seen, what loops decide is unknown."""
    clock = clock_of(seen)
    if clock is None:
        why = "no loop around a backward pass or an update is seen"
        place = seen.optimizer.place if seen.optimizer is not None else None
        return Part({name: Found(None, "unknown", place, why=why) for name in OF_LOOPS})
    fields = {"accumulate": _accumulate(clock), **lengths(clock)}
    others = {
        "tail": tail(clock),
        "normalise": weighing(clock),
        "scheduler_step": scheduler_step(clock),
    }
    fields |= {name: one for name, one in others.items() if one is not None}
    count, stepped = fields["accumulate"], fields.get("scheduler_step")
    steps = [_counts(clock, one) for one in schedule_steps(clock)]
    alike = count.certainty == "unknown" and (clock.updates or any(steps))
    if alike and stepped is not None and stepped.value == "per_batch":
        tests = _counts(clock, clock.updates[0]) if clock.updates else set()
        with_it = all(tests & one for one in steps)
        unsure = replace(stepped, value=None, certainty="unknown", why=count.why)
        fields["scheduler_step"] = replace(stepped, value="per_update") if with_it else unsure
    return Part(fields, hazards(clock))


def _counts(clock: Clock, event: Event) -> set[int]:
    """The tests of a count that an event depends on, by identity."""
    return {id(one) for one in clock.own(event) if counted(one.test)}


def _accumulate(clock: Clock) -> Found:
    if clock.size is not None:
        return setting_of(configured(clock.size))
    for made in clock.seen.calls("Accelerator"):
        steps = made.kwargs.get("gradient_accumulation_steps")
        if steps is not None:
            return setting_of(configured(steps))
    updates = clock.updates
    place = updates[0].place if updates else clock.loop.place
    odd = [
        one
        for update in updates
        for one in clock.own(update)
        if one.taken is None and counted(one.test)
    ]
    if updates and odd and all(any(c in clock.own(u) for c in odd) for u in updates):
        return Found(None, "unknown", odd[0].place, why="updates depend on a test of its own")
    if not updates:
        return Found(None, "unknown", place, why="no update is seen in the loop")
    return stated(1, place, "computed", "an update at each micro-batch")

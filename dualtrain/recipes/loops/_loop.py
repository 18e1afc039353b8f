"""The loop of a program: what it accumulates, how long it goes on, when its schedule moves."""

from __future__ import annotations

from dualtrain.reading import ListValue, Unknown
from dualtrain.recipes._clock import Clock, clock_of, counted
from dualtrain.recipes._configured import configured, setting_of
from dualtrain.recipes._found import stated
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes.loops._hazards import hazards
from dualtrain.recipes.loops._length import lengths
from dualtrain.recipes.schedules._counting import scheduler_step

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
    if _drops(clock):
        fields["tail"] = stated("drop", clock.loop.place, "computed")
    when = scheduler_step(clock)
    if when is not None:
        fields["scheduler_step"] = when
    return Part(fields, hazards(clock))


def _drops(clock: Clock) -> bool:
    """Whether groups of micro-batches are made only while they are whole:
    `while len(group := ...) == n`."""
    groups = clock.around[-1].over if clock.inner is not None else None
    if not isinstance(groups, ListValue) or len(groups.items) != 1:
        return False
    loops = groups.items[0].context.loops
    test = loops[-1].test if loops else None
    if not isinstance(test, Unknown) or test.op != "==":
        return False
    count, size = test.operands
    return isinstance(count, Unknown) and count.op == "len" and size is clock.inner


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

"""What becomes of the micro-batches that are too few for an update at the end of an epoch."""

from __future__ import annotations

from dualtrain.reading import Event, Item, ListValue, Unknown
from dualtrain.recipes._clock import Clock, gate_of_item
from dualtrain.recipes._found import stated
from dualtrain.recipes._record import Found
from dualtrain.recipes._source_lines import ends_inside, function_at

__all__ = ["tail"]

CLEARS = ("zero_grad", "clear_grad", "clear_gradients")


def tail(clock: Clock) -> Found | None:
    """`tail` in the spec's words: flush, drop or leak; unknown where a group goes over the end of
    an epoch. None where nothing accumulates, or there are no epochs."""
    if clock.epoch_loop is None:
        return None
    if clock.gate is not None:
        return _of_gate(clock)
    groups = clock.around[-1].over if clock.inner is not None else None
    return _of_groups(clock, groups) if isinstance(groups, ListValue) else None


def _of_gate(clock: Clock) -> Found | None:
    gate = clock.gate
    assert gate is not None, "only where there is one"
    if gate.flushes:
        return stated("flush", gate.condition.place, "computed")
    if not gate.of_epoch:
        why = "the count goes on from one epoch to the next: a group has micro-batches of both"
        return Found(None, "unknown", gate.condition.place, why=why)
    outside = [e for e in clock.seen.program.events if _around_the_batches(clock, e)]
    updates = {id(one) for one in clock.seen.updates}
    flush = next((one for one in outside if id(one) in updates), None)
    if flush is not None:
        return stated("flush", flush.place, "computed")
    clears = next((one for one in outside if one.name in CLEARS), None)
    if clears is not None:
        return stated("drop", clears.place, "computed")
    return stated("leak", gate.condition.place, "computed")


def _around_the_batches(clock: Clock, event: Event) -> bool:
    """Whether an event happens once an epoch, outside the loop of micro-batches."""
    loops = event.context.loops
    return clock.epoch_loop in loops and clock.loop not in loops


def _of_groups(clock: Clock, groups: ListValue) -> Found | None:
    """Of groups that are made before they are gone through."""
    if not groups.items:
        return None
    place = groups.origin.place or clock.loop.place
    first, *others = groups.items
    if gate_of_item(first) is None:
        return stated("drop", place, "computed") if _while_whole(clock, first) else None
    if others:
        return stated("flush", place, "computed")
    outlives = _outlives(clock, first)
    return None if outlives is None else stated("leak" if outlives else "drop", place, "computed")


def _while_whole(clock: Clock, group: Item) -> bool:
    """Whether groups are made only while they are whole: `while len(group := ...) == n`."""
    loops = group.context.loops
    test = loops[-1].test if loops else None
    if not isinstance(test, Unknown) or test.op != "==":
        return False
    count, size = test.operands
    return isinstance(count, Unknown) and count.op == "len" and size is clock.inner


def _outlives(clock: Clock, group: Item) -> bool | None:
    """Whether the list that a group is gathered in is there before the epoch is, and after it;
    None where that cannot be told."""
    made = group.value.origin.place if isinstance(group.value, ListValue) else None
    epochs, program = clock.epoch_loop, clock.seen.program
    if made is None or epochs is None or not group.context.loops:
        return None
    function = function_at(program, made)
    if function is function_at(program, epochs.place):
        return not ends_inside(program, epochs, made)
    own = function is function_at(program, group.context.loops[-1].place)
    return False if own else None

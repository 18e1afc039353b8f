"""A rate that the loop multiplies at some epochs: `group["lr"] *= 0.1`, `set_lr(get_lr() * k)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dualtrain.reading import Event, Known, Loop, Made, Origin, Unknown, Value
from dualtrain.recipes._clock import Clock, clock_of
from dualtrain.recipes._found import found, number
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Seen, inside
from dualtrain.recipes.schedules._numeric import NotANumber, Numbers, called, key, parts

__all__ = ["of_scaled"]

MANY = 1_000
"""Epochs that are looked at where their number is not known."""


def of_scaled(seen: Seen, stores: Sequence[Event]) -> dict[str, Found] | None:
    """Of a rate that each of these multiplies by one factor; None where they do anything else.

    Always in the same epochs, whose numbers decide alone: after their batches an epoch later.
    """
    clock = clock_of(seen)
    loop = None if clock is None else clock.epoch_loop
    factors = [_factor(one) for one in stores]
    if clock is None or loop is None or not factors or any(one is None for one in factors):
        return None
    if len({number(one) for one in factors}) != 1:
        return None
    times: set[int] = set()
    for store in stores:
        at = _epochs(clock, loop, store)
        if at is None or times & set(at):
            return None
        times |= set(at)
    place = stores[0].place
    assert factors[0] is not None
    fields = {
        "gamma": found(factors[0]),
        "length": Found("epoch_units", "stated", place, "computed", why="multiplied in the loop"),
    }
    rounds = _rounds(loop) or MANY
    milestones = sorted(one for one in times if one < rounds)
    if 0 in times or not milestones:
        return None
    if milestones == list(range(1, rounds)):
        return fields | {"schedule": Found("exponential", "stated", place, "computed")}
    first = milestones[0]
    nth = any(
        getattr(one, "op", "") == "%"
        for e in stores
        for c in e.context.conditions
        for one in parts(c.test)
    )
    if nth and milestones == list(range(first, rounds, first)):
        step = Found(first, "stated", place, "computed", why="in epochs")
        return fields | {"schedule": Found("step", "stated", place, "computed"), "step_size": step}
    if rounds == MANY and milestones[-1] > MANY // 2:
        return None
    return fields | {
        "schedule": Found("piecewise", "stated", place, "computed"),
        "milestones": Found(milestones, "stated", place, "computed", why="in epochs"),
    }


def _factor(store: Event) -> Value | None:
    """k of `lr * k` or `lr / k`, where lr is the rate as it stands."""
    value = store.args[0] if store.args else None
    if not isinstance(value, Unknown) or value.op not in ("*", "/"):
        return None
    a, b = value.operands
    if value.op == "*" and _own(b):
        a, b = b, a
    k = number(b)
    if not _own(a) or not k:
        return None
    if value.op == "/":
        return Known(1 / k, replace(getattr(b, "origin", Origin("")), how="computed"))
    return b


def _own(value: Value) -> bool:
    """Whether a value is the optimizer's rate as it stands."""
    if isinstance(value, Made):
        return value.path.endswith(".get_lr")
    if not isinstance(value, Unknown) or value.op != "item":
        return False
    return isinstance(value.operands[1], Known) and value.operands[1].value == "lr"


def _epochs(clock: Clock, loop: Loop, store: Event) -> list[int] | None:
    """The epochs, counted from 0, from which on the rate is multiplied."""
    if loop not in store.context.loops or clock.loop in store.context.loops:
        return None
    own = [one for one in store.context.conditions if one not in clock.base]
    indices = {
        key(one): one
        for c in own
        for one in parts(c.test)
        if isinstance(one, Unknown) and one.op == "index"
    }
    if len(indices) > 1 or any(c.taken is False for c in own):
        return None
    start = 0
    for index in indices.values():
        of, first = index.operands
        if loop.over is None or not any(one is of for one in inside(loop.over)):
            return None
        if not isinstance(first, Known) or not isinstance(first.value, int):
            return None
        start = first.value
    numbers = Numbers(1, {one: lambda t: t for one in indices})
    events = list(clock.seen.program.events)
    late = any(events.index(one) < events.index(store) for one in clock.updates)
    rounds = _rounds(loop) or MANY
    try:
        tests = [(numbers.test(c.test), c.holds) for c in own if c.taken is None]
        holds = [
            all(bool(called(rule, start + e)) is wanted for rule, wanted in tests)
            for e in range(rounds)
        ]
    except NotANumber:
        return None
    return [e + late for e in range(rounds) if holds[e]]


def _rounds(loop: Loop) -> int | None:
    """How many epochs there are, where that is known."""
    for one in inside(loop.over) if loop.over is not None else ():
        if isinstance(one, Made) and one.path == "builtins.range":
            bounds = [number(bound) for bound in one.args]
            if 1 <= len(bounds) <= 2 and all(isinstance(n, int) for n in bounds):
                return min(len(range(*(int(n) for n in bounds if n is not None))), 100 * MANY)
    return None

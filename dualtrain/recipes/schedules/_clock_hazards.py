"""A schedule whose clock is not the count of updates: begun late, or stepped with own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dualtrain.reading import Event, Instance, Known, Unknown, Value, leaves
from dualtrain.recipes._clock import clock_of, first_of
from dualtrain.recipes._found import described, number
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Seen
from dualtrain.recipes.schedules._driving import construction
from dualtrain.recipes.schedules._names import given_to, library_schedule
from dualtrain.recipes.schedules._stepping import steps

__all__ = ["offset", "own_number"]

FROM_THE_LAST = ("CosineAnnealingDecay", "MultiplicativeDecay")
"""Classes of Paddle that compute each rate from the last one: what they begin with stays in all."""


def offset(seen: Seen, held: Value, fields: Mapping[str, Found]) -> Iterator[Hazard]:
    """A schedule that is built with `last_epoch`, or stepped with numbers that are not its own."""
    event = construction(seen, held)
    if event is None or "Plateau" in event.path:
        return
    told = [one for one in steps(seen) if one.args and one.context.real and one.context.loops]
    off = next((one for move in told if (one := _off(seen, move)) is not None), None)
    last = _last_epoch(event, held)
    first = min((_order(seen, one) for one in seen.updates), default=0)
    if isinstance(last, int) and last >= 0 and not any(_order(seen, m) < first for m in told):
        ahead = 0 if told or (last and event.name in FROM_THE_LAST) else last + 1
        text = (
            f"built with last_epoch={last}, which steps once: the first update has the rate of "
            f"{last + 1}"
        )
        yield Hazard("sched_last_epoch_offset", event.place, text, "shift", ahead=ahead)
    elif off is not None:
        yield off


def _last_epoch(event: Event, held: Value) -> object:
    given, schedule = given_to(event), library_schedule(event.path)
    if "last_epoch" in given or schedule is None or isinstance(held, Instance):
        return number(given.get("last_epoch"))
    return schedule.defaults.get("last_epoch")


def own_number(move: Event) -> int | None:
    """The number that a schedule is told at its first step; None where that cannot be told."""
    return first_of(move.args[0]) if move.args else None


def _off(seen: Seen, move: Event) -> Hazard | None:
    """Of a step with a number: that it is not the count of the update that follows."""
    if not seen.updates:
        return None
    after = any(_order(seen, one) < _order(seen, move) for one in seen.updates)
    first, due = own_number(move), 1 if after else 0
    if first == due or (first is None and not after):
        return None
    ahead = 0 if first is None else first - due
    exact = first is not None and first >= 0 and (not after or first == 0)
    if first is None:
        does = "the rates are not those of the updates' count"
    elif not after:
        does = f"the first update has the rate of {first}"
    else:
        does = f"the second update has the rate of {first}, not of 1"
    where = "after" if after else "before"
    text = f"stepped {where} the update with a number of its own, {described(move.args[0])}: {does}"
    kept = ahead if exact and _counts(seen, move) else 0
    return Hazard("sched_last_epoch_offset", move.place, text, "shift", ahead=kept)


def _counts(seen: Seen, move: Event) -> bool:
    """Whether the number of a step is the count of the rounds that it is in, and all are met."""
    clock = clock_of(seen)
    if clock is None or clock.own(move) or clock.size is not None:
        return False
    moving = [one for one in leaves(move.args[0]) if isinstance(one, Unknown)]
    return all(one.op in ("index", "carried", "len", "+", "-", "*") for one in moving) and not any(
        isinstance(one, Known) and not isinstance(one.value, int) for one in leaves(move.args[0])
    )


def _order(seen: Seen, event: Event) -> int:
    return next(n for n, one in enumerate(seen.program.events) if one is event)

"""The loop of a program: how long it goes on, what it accumulates, when its schedule moves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dualtrain.reading import Event, Known, Loop, Made, Unknown, Value, leaves
from dualtrain.recipes._clock import Clock, clock_of, counted, names_of, unwrapped
from dualtrain.recipes._configured import configured, settled
from dualtrain.recipes._driving import drives, driving, rate, writes
from dualtrain.recipes._found import found, stated
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._source_lines import ends_inside, line_of

__all__ = ["loop_part", "schedule_steps", "stops"]

STEPS = ("step", "step_update", "step_batch", "step_epoch")
"""Methods that move a schedule on."""

ENDS = ("sys.exit", "builtins.exit", "builtins.quit", "os._exit")

LIMIT = re.compile(r"^(?!.*warm)(?:max|total|num|train|n)_?\w*(?:step|iter|update)")
"""Names of a number of steps at which training ends."""

EPOCHS = re.compile("epoch")


def loop_part(seen: Seen) -> Part:
    """Length, accumulation and the schedule's clock of a training loop."""
    part, clock = Part(), clock_of(seen)
    if clock is None:
        return part
    part.fields["accumulate"] = _accumulate(clock)
    lengths = _lengths(clock)
    part.fields |= lengths
    when = _scheduler_step(clock)
    if when is not None:
        part.fields["scheduler_step"] = when
    from dualtrain.recipes._loop_hazards import hazards

    part.hazards += hazards(clock)
    return part


def _accumulate(clock: Clock) -> Found:
    if clock.size is not None:
        return found(configured(clock.size))
    for made in clock.seen.calls("Accelerator"):
        steps = made.kwargs.get("gradient_accumulation_steps")
        if steps is not None:
            return found(configured(steps))
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


# Length


def _lengths(clock: Clock) -> dict[str, Found]:
    fields: dict[str, Found] = {}
    loops = [*clock.around[: len(clock.around) - (clock.inner is not None)]]
    if not loops:
        fields |= _only(clock)
    for loop in reversed(loops):
        rounds = _rounds(loop)
        if rounds is None:
            continue
        if _is_limit(rounds, clock, loop):
            fields.setdefault("max_steps", found(configured(rounds)))
        else:
            fields["epochs"] = found(settled(rounds, EPOCHS))
            break
    limit = _limit(clock)
    if limit is not None and not (isinstance(limit, Known) and limit.value is None):
        fields["max_steps"] = found(configured(limit))
    return fields


def _only(clock: Clock) -> dict[str, Found]:
    """The length of a loop that stands alone: of steps, or of epochs that are one batch each."""
    rounds = _rounds(clock.update_loop)
    if rounds is None:
        return {}
    line = line_of(clock.seen.program, clock.update_loop.place)
    name = "epochs" if "epoch" in line.lower() else "max_steps"
    return {name: found(configured(rounds))}


def _is_limit(rounds: Value, clock: Clock, loop: Loop) -> bool:
    """Whether what a loop counts are steps."""
    names = names_of(rounds)
    if any("epoch" in name for name in names):
        return False
    line = line_of(clock.seen.program, loop.place).lower()
    return "epoch" not in line and any(LIMIT.search(name) for name in names)


def _rounds(loop: Loop) -> Value | None:
    """How many rounds a loop has: of a `range`, or of a `while` that counts."""
    if loop.over is None:
        return _bound(loop.test)
    over = unwrapped(loop.over)
    if not isinstance(over, Made) or over.path.rpartition(".")[2] not in ("range", "trange"):
        return None
    if len(over.args) == 1:
        return over.args[0]
    if len(over.args) < 2:
        return None
    return _less(over.args[1], over.args[0])


def _less(stop: Value, start: Value) -> Value:
    """stop - start, where one of them is a small number that the other one has too."""
    start, ahead = _ahead(start)
    stop, more = _ahead(stop)
    if ahead == more or not isinstance(start, Known):
        return stop
    if isinstance(stop, Known) and isinstance(stop.value, (int, float)):
        return Known(stop.value + more - ahead, stop.origin)
    return Unknown("", op="-", operands=(stop, Known(ahead - more)))


def _ahead(value: Value) -> tuple[Value, int]:
    """A value, and the number that is added to it."""
    if isinstance(value, (Known, Unknown)) and value.op in ("+", "-"):
        a, b = value.operands[0], value.operands[-1]
        if isinstance(b, Known) and isinstance(b.value, int) and len(value.operands) == 2:
            return a, b.value if value.op == "+" else -b.value
    if isinstance(value, Known) and isinstance(value.value, int) and not value.origin.name:
        return (Known(0), value.value) if abs(value.value) < 2 else (value, 0)
    return value, 0


def _bound(test: Value | None) -> Value | None:
    """What a `while` counts to."""
    for one in leaves(test) if test is not None else ():
        if isinstance(one, (Known, Unknown)) and one.op in ("<", "<=", "!="):
            count, limit = one.operands
            if counted(count) and not counted(limit):
                return limit
    return None


def stops(clock: Clock) -> Iterator[Event]:
    """Where training ends before its loops do."""
    loops = [*clock.around, clock.loop]
    for one in clock.seen.program.events:
        mine = [loop for loop in one.context.loops if loop in loops]
        if not mine:
            continue
        if one.kind == "leave":
            if one.path == "break" and one.context.loops[-1] is not mine[-1]:
                continue
            if ends_inside(clock.seen.program, mine[-1], one.place):
                yield one
        elif one.path in ENDS:
            yield one


def _limit(clock: Clock) -> Value | None:
    """The number of steps at which training stops, or which lengthens its epochs."""
    for one in stops(clock):
        for condition in reversed(clock.own(one)):
            limit = _compared(clock, condition.test, condition.place)
            if limit is not None:
                return limit
    for value in _shaping(clock):
        limit = _asked(value)
        if limit is not None:
            return limit
    return None


def _compared(clock: Clock, test: Value, place: object) -> Value | None:
    words = re.findall(r"\w+", line_of(clock.seen.program, place).lower())
    for one in leaves(test):
        if not isinstance(one, (Known, Unknown)) or one.op not in ("<", "<=", ">", ">=", "=="):
            continue
        for a, b in (one.operands, one.operands[::-1]):
            limit = settled(b, LIMIT)
            named = any(LIMIT.search(name) for name in names_of(limit))
            if counted(a) and not counted(b) and not isinstance(a, Known):
                plain = isinstance(limit, Known) and not limit.origin.name
                if named or (plain and any(map(LIMIT.search, words))):
                    return limit
            if named and isinstance(a, Known) and a.value in (0, -1, None):
                return limit
    return None


def _shaping(clock: Clock) -> Iterator[Value]:
    """Values that a limit of steps may go into: the epochs, the schedule's length."""
    for loop in clock.around:
        rounds = _rounds(loop)
        if rounds is not None:
            yield rounds
    yield from schedule_arguments(clock.seen)


def schedule_arguments(seen: Seen) -> Iterator[Value]:
    """What the schedule is made from."""
    held = driving(seen)
    for one in (held, rate(seen)):
        if isinstance(one, Made):
            yield from (*one.args, *one.kwargs.values())
            for inner in (*one.args, *one.kwargs.values()):
                if isinstance(inner, Made) and inner is not one:
                    yield from (*inner.args, *inner.kwargs.values())


def _asked(value: Value) -> Value | None:
    """The limit that a choice asks for: `max_steps if max_steps > 0 else ...`."""
    for one in leaves(value):
        if not isinstance(one, (Known, Unknown)) or one.op != "if":
            continue
        for test in leaves(one.operands[0]):
            if isinstance(test, (Known, Unknown)) and test.op in (">", ">=", "!=", "<", "is not"):
                for limit in test.operands:
                    limit = settled(limit, LIMIT)
                    if any(LIMIT.search(name) for name in names_of(limit)):
                        return limit
    return None


# The schedule's clock


def schedule_steps(clock: Clock) -> Sequence[Event]:
    """Where the rate moves on: `step` of the schedule, a method of its own, or a rate written."""
    seen, steps = clock.seen, list[Event]()
    written = writes(seen)
    for one in seen.program.events:
        called = one.kind == "call" and one.name in STEPS
        own = "step" in one.context.functions and one.kind in ("call", "store")
        if (called or own) and one.context.loops and drives(seen, one.receiver):
            steps.append(one)
    return steps or [one for one in written if one.context.loops]


def _scheduler_step(clock: Clock) -> Found | None:
    seen = clock.seen
    steps, held = schedule_steps(clock), driving(seen)
    if not steps:
        return _of_itself(clock, held)
    entered = [one for one in steps if clock.entered(one)]
    if not entered:
        return stated("never", steps[0].place, "computed", "only in a branch that is not entered")
    found_at = {when: one for one in reversed(entered) if (when := _when(clock, one, held))}
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
    place = getattr(held, "place", None)
    return stated("never", place, "computed", "the schedule is built and never stepped")


def _when(clock: Clock, step: Event, held: Value | None) -> str:
    plateau = "Plateau" in _path(held)
    if clock.within(step):
        if plateau:
            return "on_eval"
        return "per_update" if clock.gated(step) and clock.size is not None else "per_batch"
    if clock.inner is not None and clock.update_loop in step.context.loops:
        return "per_update"
    if any(loop in step.context.loops for loop in clock.around):
        return "on_eval" if plateau else "per_epoch"
    return ""


def _path(held: Value | None) -> str:
    if isinstance(held, Made):
        return held.path
    of = getattr(held, "of", None)
    return of.library if of is not None else ""

"""How long a training loop goes on: epochs, and the limit of steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dualtrain.reading import Event, Known, Library, Loop, Made, Place, Unknown, Value, leaves
from dualtrain.recipes._clock import Clock, counted, first_of, names_of, unwrapped
from dualtrain.recipes._configured import configured, own_names, setting_of, settings, settled
from dualtrain.recipes._found import found, with_why
from dualtrain.recipes._record import Found
from dualtrain.recipes._source_lines import ends_inside, line_of
from dualtrain.recipes.schedules._driving import driving, rate

__all__ = ["LIMIT", "arguments", "forever", "lengths", "limits", "overrun", "stops"]

ENDS = ("sys.exit", "builtins.exit", "builtins.quit", "os._exit")

LIMIT = re.compile(r"^(?!.*warm)(?:max|total|num|train|n)_?\w*(?:step|iter|update)")
"""Names of a number of steps at which training ends."""

NONE = (None, "None", "none", "")
EPOCHS = re.compile(
    r"^(?!.*(load|start|begin|resume|warm|dec_|decay|eval|save|init|last|per_|freeze|log))\w*epoch",
    re.IGNORECASE,
)
"""Names of how many epochs there are."""


def lengths(clock: Clock) -> dict[str, Found]:
    """`epochs` and `max_steps`, of those that are there."""
    fields: dict[str, Found] = {}
    loops = [*clock.around[: len(clock.around) - (clock.inner is not None)]]
    if _says_epochs(clock, clock.update_loop) and _rounds(clock.update_loop) is not None:
        loops = [clock.update_loop]
    if not loops:
        fields |= _only(clock)
    counting = [(loop, n) for loop in reversed(loops) if (n := _rounds(loop)) is not None]
    for loop, rounds in counting:
        if _is_limit(rounds, clock, loop):
            fields.setdefault("max_steps", found(configured(rounds)))
    epochs = [(loop, n) for loop, n in counting if not _is_limit(n, clock, loop)]
    named = [n for loop, n in epochs if _says_epochs(clock, loop)]
    plain = [n for _, n in epochs if not (isinstance(n, Unknown) and n.op == "len")]
    for rounds in [*named, *plain][:1]:
        if not _without_end(rounds):
            fields["epochs"] = setting_of(settled(rounds, EPOCHS))
    limit = _limit(clock)
    if limit is not None and not _is_none(limit):
        fields["max_steps"] = found(configured(limit))
    if not fields and (bound := _end_of_all(clock)) is not None:
        fields["max_steps"] = found(configured(bound))
    if not fields and not forever(clock):
        fields["epochs"] = _asked_for(clock)
    over = overrun(clock) if "max_steps" in fields else None
    return fields if over is None else fields | {"overrun": over}


def _is_none(limit: Value) -> bool:
    """Whether a limit is not given: None, or None until the program computes it from epochs."""
    if isinstance(limit, Known):
        return limit.value in NONE
    named = [one for one in settings(limit) if any(map(LIMIT.search, own_names(one)))]
    return bool(named) and all(one.value in NONE for one in named)


def forever(clock: Clock) -> Loop | None:
    """A loop of the training that nothing ends."""
    for loop in (*clock.around, clock.loop):
        test = loop.test
        always = isinstance(test, Known) and bool(test.value) and not test.operands
        ends = (one for one in stops(clock) if one.context.real)
        if always and not any(loop in one.context.loops for one in ends):
            return loop
    return None


def _end_of_all(clock: Clock) -> Value | None:
    """What a loop without an end of its own counts its updates to, whatever that is called."""
    loop = clock.update_loop
    if clock.around[:-1] or not (isinstance(loop.test, Known) and loop.test.value):
        return None
    for one in stops(clock):
        for condition in clock.own(one):
            for test in _tests(condition.test):
                if (count := _late(test, named=False)) is not None and condition.holds:
                    bound = test.operands[test.op in (">", ">=", "==")]
                    steady = all(n.op != "if" for n in leaves(test) if isinstance(n, Unknown))
                    if steady and isinstance(bound, Known) and count is not None:
                        return bound
    return None


def _asked_for(clock: Clock) -> Found:
    """Epochs that something is given which no loop counts, such as what makes the batches."""
    named: dict[str, Known] = {}
    for one in clock.seen.program.events:
        for value in (*one.args, *one.kwargs.values()):
            for setting in settings(value):
                name = next(iter(own_names(setting)), "")
                if re.search(r"(^|_)epochs?$", name) and "warm" not in name:
                    named[name] = setting
    if len(named) == 1:
        return with_why(setting_of(*named.values()), "no loop counts them")
    why = "how often the data are gone through is decided by what gives the batches"
    return Found(None, "unknown", clock.loop.place, why=why)


def _only(clock: Clock) -> dict[str, Found]:
    """The length of a loop of steps that stands alone."""
    rounds = _rounds(clock.update_loop)
    if rounds is None:
        return {}
    return {"max_steps": found(configured(rounds))}


def _says_epochs(clock: Clock, loop: Loop) -> bool:
    """Whether a loop counts epochs, as its text says."""
    return "epoch" in line_of(clock.seen.program, loop.place).lower()


def _without_end(rounds: Value) -> bool:
    """Whether so many rounds are as good as no limit."""
    if isinstance(rounds, Known):
        return isinstance(rounds.value, (int, float)) and rounds.value >= 10**9
    return isinstance(rounds, Library) and rounds.path in ("sys.maxsize", "math.inf", "numpy.inf")


def _is_limit(rounds: Value, clock: Clock, loop: Loop) -> bool:
    """Whether what a loop counts are steps."""
    names = names_of(rounds)
    if any("epoch" in name for name in names):
        return False
    line = line_of(clock.seen.program, loop.place).lower()
    named = any(LIMIT.search(name) for name in names)
    return "epoch" not in line and (named or _ends_batches(rounds, clock))


def _ends_batches(rounds: Value, clock: Clock) -> bool:
    """Whether the loop over the batches counts to the same number, and ends there."""
    for one in stops(clock):
        own = clock.own(one) if clock.within(one) else ()
        for test in (test for condition in own for test in _tests(condition.test)):
            if any(bound is rounds for bound in test.operands) and any(map(counted, test.operands)):
                return True
    return False


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
    if isinstance(start, Known) and start.value in (-1, 1):  # such as last_epoch + 1
        ahead += start.value
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
    stop, epochs, schedule = limits(clock)
    return stop or epochs or schedule


def limits(clock: Clock) -> tuple[Value | None, Value | None, Value | None]:
    """The number of steps that ends training, that lengthens its epochs, that shapes the
    schedule."""
    stop = next(_stopping(clock), None)
    rounds = [n for n in map(_rounds, clock.around) if n is not None]
    return stop, _first(map(_asked, rounds)), _first(map(_asked, arguments(clock)))


def _stopping(clock: Clock) -> Iterator[Value]:
    """The limits that end training, as the conditions of its ends say."""
    for one in stops(clock):
        own = clock.own(one)
        asked = [limit for condition in own for limit in _may_be_none(condition.test)]
        for condition in reversed(own):
            limit = _compared(clock, condition.test, condition.place, asked)
            if limit is not None:
                yield limit


def overrun(clock: Clock) -> Found | None:
    """How many updates after its limit the loop ends, where that is another number than 0:
    `if step > max_steps: break` behind the update that is counted ends one later."""
    late = (next(_of_stops(clock), None) or _of_while(clock)) if clock.updates else None
    if late is None or not late[0]:
        return None
    count, place = late
    after = f"{abs(count)} update{'s' * (abs(count) > 1)} {'after' if count > 0 else 'before'}"
    return Found(count, "stated", place, "computed", why=f"the loop ends {after} the limit")


def _of_stops(clock: Clock) -> Iterator[tuple[int, Place]]:
    events = list(clock.seen.program.events)
    for one in stops(clock):
        own = [condition for condition in clock.own(one) if condition.holds]
        if not clock.within(one) or (clock.size is not None and clock.gated(one) is None):
            continue
        done = any(events.index(update) < events.index(one) for update in clock.updates)
        for condition in own:
            for test in _tests(condition.test):
                if (late := _late(test)) is not None:
                    yield late + done, condition.place


def _of_while(clock: Clock) -> tuple[int, Place] | None:
    loop = clock.update_loop
    if loop.test is None or loop.over is not None or clock.size is not None:
        return None
    for test in _tests(loop.test):
        first = first_of(test.operands[0]) if test.op in ("<", "<=") else None
        if first is not None and _is_named(test.operands[1]):
            return (test.op == "<=") - first, loop.place
    return None


def _late(test: Known | Unknown, *, named: bool = True) -> int | None:
    """Updates that are still to come in the round in which a count reaches the limit, less what it
    is in the first round; None of another test."""
    if test.op not in (">", ">=", "==", "<", "<=") or len(test.operands) != 2:
        return None
    count, bound = test.operands if test.op in (">", ">=", "==") else test.operands[::-1]
    first = first_of(count) if counted(count) else None
    if first is None or counted(bound) or (named and not _is_named(bound)):
        return None
    return (test.op in (">", "<")) - first


def _is_named(bound: Value) -> bool:
    return any(map(LIMIT.search, names_of(settled(bound, LIMIT)))) or isinstance(bound, Known)


def _tests(test: Value) -> Iterator[Known | Unknown]:
    """What a test is put together from."""
    if isinstance(test, (Known, Unknown)) and test.op in ("and", "or", "not"):
        for one in test.operands:
            yield from _tests(one)
    elif isinstance(test, (Known, Unknown)):
        yield test


def _first(values: Iterable[Value | None]) -> Value | None:
    return next((one for one in values if one is not None), None)


def _compared(clock: Clock, test: Value, place: Any, asked: Sequence[Value]) -> Value | None:
    words = re.findall(r"\w+", line_of(clock.seen.program, place).lower())
    for bare in _tests(test):
        if isinstance(bare, Known) and any(map(LIMIT.search, own_names(bare))):
            return bare
    for one in _tests(test):
        if one.op not in ("<", "<=", ">", ">=", "==") or len(one.operands) != 2:
            continue
        for a, b in (one.operands, one.operands[::-1]):
            limit = settled(b, LIMIT)
            named = any(LIMIT.search(name) for name in names_of(limit))
            if counted(a) and any(b is other for other in asked):
                return limit
            if counted(a) and not counted(b) and not isinstance(a, Known):
                plain = isinstance(limit, Known) and not any(settings(limit))
                if named or (plain and any(map(LIMIT.search, words))):
                    return limit
            if named and isinstance(a, Known) and a.value in (0, -1, None):
                return limit
    return None


def _may_be_none(test: Value) -> Iterator[Value]:
    """What a test compares with 0, -1 or None, as it is asked of a limit that need not be given."""
    for one in _tests(test):
        match one.operands:
            case (limit, Known(value=0 | -1 | None)) if one.op in (">", ">=", "!=", "is not"):
                yield limit


def arguments(clock: Clock) -> Iterator[Value]:
    """What the schedule is made from."""
    for one in (driving(clock.seen), rate(clock.seen)):
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

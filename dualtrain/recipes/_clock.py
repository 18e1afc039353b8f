"""The clock of a training loop: its micro-batches, when it updates, what is once an epoch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dualtrain.reading import (
    Condition,
    Event,
    Item,
    Known,
    ListValue,
    Loop,
    Made,
    Origin,
    Unknown,
    Value,
    alternatives,
    leaves,
)
from dualtrain.recipes._seen import Seen

__all__ = [
    "Clock",
    "Gate",
    "clock_of",
    "counted",
    "deep",
    "exclusive",
    "first_of",
    "gate_of_item",
    "names_of",
    "same_tree",
    "unwrapped",
]

MICRO_BATCHES = re.compile(r"accum|update_(freq|every|interval|period)")
"""Names of how many micro-batches an update has."""

WRAPPERS = (
    "enumerate",
    "tqdm",
    "tqdm_notebook",
    "trange",
    "master_bar",
    "progress_bar",
    "track",
    "iter",
    "list",
    "islice",
    "cycle",
    "chain",
)
"""Functions around what a loop goes over that change nothing of its elements."""


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The test that lets an update through: `(step + 1) % n == 0`."""

    condition: Condition
    size: Value
    """n."""
    first: int | None
    """The count in the first round; right is 1, which lets the n-th micro-batch through. None:
    not known."""
    of_epoch: bool
    """Whether counting begins anew in each epoch."""
    flushes: bool
    """Whether the last batch of an epoch is let through too."""


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Where in the loops a training's steps are."""

    seen: Seen
    loop: Loop
    """Of micro-batches."""
    around: tuple[Loop, ...]
    """The loops around it, from the outermost in."""
    base: tuple[Condition, ...]
    """Conditions under which the whole loop stands."""
    updates: Sequence[Event]
    """Of those that belong to this loop, the ones that are entered."""
    gate: Gate | None
    inner: Value | None
    """How many micro-batches a loop of its own takes for one update; None where there is none."""

    def own(self, event: Event) -> tuple[Condition, ...]:
        """The conditions inside the loop that an event depends on."""
        return tuple(one for one in event.context.conditions if one not in self.base)

    def entered(self, event: Event) -> bool:
        """Whether an event happens, given that the training does."""
        return all(one.taken is not False for one in self.own(event))

    def within(self, event: Event) -> bool:
        """Whether an event happens for each micro-batch, or at one of them."""
        return self.loop in event.context.loops

    @property
    def update_loop(self) -> Loop:
        """The loop of which a round holds at most one update."""
        return self.around[-1] if self.inner is not None else self.loop

    @property
    def epoch_loop(self) -> Loop | None:
        """The loop around that of the batches."""
        outside = self.around[:-1] if self.inner is not None else self.around
        return outside[-1] if outside else None

    @property
    def size(self) -> Value | None:
        """Micro-batches an update; None where nothing accumulates."""
        return self.inner if self.inner is not None else self.gate.size if self.gate else None

    def gated(self, event: Event) -> Gate | None:
        """The gate that an event stands behind; None where it stands behind none."""
        return next((g for g in map(gate_of, self.own(event)) if g is not None), None)

    def inside(self) -> Iterator[Event]:
        """Events of each round that are entered."""
        for one in self.seen.program.events:
            if self.within(one) and self.entered(one):
                yield one


def clock_of(seen: Seen) -> Clock | None:
    """The clock of a program's training; None where no loop is found."""
    loop = seen.batch_loop
    if loop is None:
        return None
    events = [one for one in seen.program.events if loop in one.context.loops]
    loops = events[0].context.loops
    around = loops[: loops.index(loop)]
    base = _common(one.context.conditions for one in events)
    updates = [one for one in seen.updates if loop in one.context.loops]
    inner = None
    if not updates and around:
        updates = [one for one in seen.updates if around[-1] in one.context.loops]
        rounds = _rounds(loop.over) or _gathered(around[-1].over) or _unknown_rounds(around)
        inner = rounds if updates else None
        outer = [e for e in seen.program.events if around[-1] in e.context.loops]
        base = _common(one.context.conditions for one in outer)
    made = Clock(seen, loop, around, base, updates, None, inner)
    entered = [one for one in updates if made.entered(one)] or updates
    gates = [made.gated(one) for one in entered]
    gate = next((one for one in gates if one is not None), None)
    return Clock(seen, loop, around, base, entered, gate, inner)


def _common(all_conditions: Iterable[tuple[Condition, ...]]) -> tuple[Condition, ...]:
    common: tuple[Condition, ...] | None = None
    for one in all_conditions:
        if common is None:
            common = one
        kept = 0
        while kept < min(len(common), len(one)) and common[kept] is one[kept]:
            kept += 1
        common = common[:kept]
    return common or ()


def _rounds(over: Value | None) -> Value | None:
    """n of `range(n)`, and of `list(islice(batches, n))`."""
    taken = over
    while isinstance(taken, Made) and taken.path in ("builtins.list", "builtins.tuple"):
        if len(taken.args) != 1:
            break
        taken = taken.args[0]
    if isinstance(taken, Made) and taken.path == "itertools.islice" and len(taken.args) == 2:
        return taken.args[1]
    over = unwrapped(over)
    if isinstance(over, Made) and over.path == "builtins.range" and len(over.args) == 1:
        return over.args[0]
    return None


def _gathered(groups: Value | None) -> Value | None:
    """n of groups that are given out where a count reaches n."""
    if not isinstance(groups, ListValue) or not groups.items:
        return None
    gate = gate_of_item(groups.items[0])
    return None if gate is None else gate.size


def _unknown_rounds(around: tuple[Loop, ...]) -> Value | None:
    """Of a loop of micro-batches within that of the updates, which is within one of epochs."""
    why = "how many micro-batches the loop takes for an update cannot be told"
    return Unknown(why, Origin("computed", around[-1].place)) if len(around) > 1 else None


def unwrapped(over: Value | None) -> Value | None:
    """What a loop goes over, without `enumerate`, `tqdm` and the like."""
    while isinstance(over, Made) and over.path.rpartition(".")[2] in WRAPPERS:
        inner = over.args[0] if over.args else over.kwargs.get("iterable")
        if inner is None or over.path.endswith("trange"):
            break
        over = inner
    return over


def exclusive(one: Event, other: Event) -> bool:
    """Whether two events are on different sides of one test."""
    for a in one.context.conditions:
        for b in other.context.conditions:
            if a.place == b.place and a.test is b.test and a.holds is not b.holds:
                return True
    return False


# Gates


def gate_of(condition: Condition) -> Gate | None:
    """The gate that a condition is; None if it is none."""
    found = _gate(condition.test, condition.holds)
    if found is None:
        return None
    size, first, of_epoch, flushes = found
    return Gate(condition, size, first, of_epoch, flushes)


def gate_of_item(item: Item) -> Gate | None:
    """The gate that an element of a list stands behind; None where it stands behind none."""
    return next((g for g in map(gate_of, item.context.conditions) if g is not None), None)


def _gate(test: Value, holds: bool) -> tuple[Value, int | None, bool, bool] | None:
    if not isinstance(test, (Known, Unknown)):
        return None
    match test.op:
        case "not":
            return _gate_of_not(test.operands[0], holds)
        case "%":
            return _gate_of_not(test, True) if not holds else None
        case "or" | "and":
            for one in test.operands:
                found = _gate(one, holds)
                if found is not None:
                    others = [other for other in test.operands if other is not one]
                    flushes = test.op == "or" and any(map(_is_last, others))
                    return (*found[:3], flushes or found[3])
        case "if":
            for one in test.operands[1:]:
                found = _gate(one, holds)
                if found is not None:
                    return found
        case "==" | "!=" if holds is (test.op == "=="):
            return _modulo(*test.operands)
        case ">=" if holds:
            return _reached(*test.operands)
    return None


def _is_last(test: Value) -> bool:
    """Whether a test may hold at the last batch of an epoch."""
    if not (isinstance(test, Unknown) and test.op in ("==", ">=")):
        return True
    count, end = test.operands
    behind: Value = Known(0)
    if isinstance(end, Unknown) and end.op == "-":
        end, behind = end.operands
    first = first_of(count)
    if isinstance(end, Unknown) and end.op == "len" and isinstance(behind, Known):
        return first is None or bool(first == 1 - behind.value)
    return True


def _gate_of_not(inner: Value, holds: bool) -> tuple[Value, int | None, bool, bool] | None:
    if isinstance(inner, (Known, Unknown)) and inner.op == "%" and holds:
        count, size = inner.operands
        return (size, *_counting(count), False) if counted(count) else None
    return _gate(inner, not holds)


def _modulo(a: Value, b: Value) -> tuple[Value, int | None, bool, bool] | None:
    """`a == b` where a is a count modulo n, or a count that reaches n."""
    if not (isinstance(a, (Known, Unknown)) and a.op == "%"):
        return _reached(a, b)
    count, size = a.operands
    if not counted(count):
        return None
    first, of_epoch = _counting(count)
    if isinstance(b, Unknown) or (isinstance(b, Known) and b.op == "-"):
        if b.op != "-" or not same_tree(b.operands[0], size):
            return None
        first = None if first is None else first + 1
    elif isinstance(b, Known) and isinstance(b.value, int):
        first = None if first is None else first - b.value
    return size, first, of_epoch, False


def _reached(a: Value, b: Value) -> tuple[Value, int | None, bool, bool] | None:
    """A count of its own that is set back at each update, as its name says."""
    if counted(a) and any(map(MICRO_BATCHES.search, names_of(b))):
        return (b, *_counting(a), False)
    return None


def names_of(value: Value) -> set[str]:
    """Names of flags, keys and attributes that a value comes through, in lower case with `_`, and
    without those of what they are in."""
    found: set[str] = set()
    for one in leaves(value):
        if isinstance(one, Known) and one.origin.name:
            found.add(one.origin.name.rpartition(".")[2])
        if isinstance(one, Unknown) and one.op in ("attr", "item", "name", "parameter"):
            last = one.operands[-1]
            if isinstance(last, Known) and isinstance(last.value, str):
                found.add(last.value)
    return {name.strip("-").replace("-", "_").lower() for name in found}


def counted(value: Value) -> bool:
    """Whether a value counts the rounds of a loop."""
    return any(isinstance(one, Unknown) and one.op in ("index", "carried") for one in leaves(value))


def _counting(count: Value) -> tuple[int | None, bool]:
    return first_of(count), _of_epoch(count)


def first_of(count: Value) -> int | None:
    """What a count is in the first round."""
    match count:
        case Known(value=int(number)):
            return number
        case Unknown(op="index", operands=(_, start)):
            return first_of(start)
        case Unknown(op="carried", operands=(before,)):
            return first_of(before)
        case Unknown(op="+", operands=(a, b)):
            first, second = first_of(a), first_of(b)
            return None if first is None or second is None else first + second
        case Unknown(op="-", operands=(a, b)):
            first, second = first_of(a), first_of(b)
            return None if first is None or second is None else first - second
        case Unknown(op="*" | "//", operands=(a, b)):
            none = first_of(a) == 0 or (count.op == "*" and first_of(b) == 0)
            return 0 if none else None
        case Unknown(op="int", operands=(a,)):
            return first_of(a)
        case Unknown(op="if"):
            firsts = {first_of(one) for one in alternatives(count)}
            return firsts.pop() if len(firsts) == 1 else None
    return None


def _of_epoch(count: Value) -> bool:
    """Whether a count is that of a loop's own rounds, not one that goes on beyond it."""
    nested = any(
        isinstance(one, Unknown)
        and one.op == "carried"
        and isinstance(one.operands[0], Unknown)
        and one.operands[0].op == "carried"
        for one in leaves(count)
    )
    return counted(count) and not nested


# Trees


def same_tree(a: Value, b: Value, depth: int = 0) -> bool:
    """Whether two values are computed alike from the same."""
    if a is b:
        return True
    if depth > 12:
        return False
    match a, b:
        case Known(), Known():
            named = a.origin.name == b.origin.name
            return named and type(a.value) is type(b.value) and bool(a.value == b.value)
        case Unknown(), Unknown():
            alike = a.op == b.op and a.op != "" and len(a.operands) == len(b.operands)
            pairs = zip(a.operands, b.operands, strict=False)
            return alike and all(same_tree(x, y, depth + 1) for x, y in pairs)
    return False


def deep(value: Value) -> Iterator[Value]:
    """A value and all it is computed from, through what calls were given too."""
    stack, met = [value], set[int]()
    while stack:
        for one in leaves(stack.pop()):
            if id(one) in met:
                continue
            met.add(id(one))
            yield one
            if isinstance(one, Made):
                stack += [*one.args, *one.kwargs.values()]
                stack += [one.receiver] if one.receiver is not None else []

"""Schedules that are code: a function, a class's own `get_lr`, a rate written by the loop."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from dualtrain.reading import (
    Class,
    Event,
    Function,
    Instance,
    Known,
    ListValue,
    Loop,
    Made,
    Origin,
    Place,
    Unknown,
    Value,
)
from dualtrain.recipes._base_rate import base_rate
from dualtrain.recipes._clock import same_tree, unwrapped
from dualtrain.recipes._found import described, found, number
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Seen, inside
from dualtrain.recipes.schedules._formulas import Formula, recognised
from dualtrain.recipes.schedules._lengths import lengths_in, lengths_of, warmup_of
from dualtrain.recipes.schedules._numeric import Key, key, parts
from dualtrain.recipes.schedules._scaled import of_scaled
from dualtrain.recipes.schedules._stepping import stepped_per_epoch

__all__ = ["CODE", "NUMBERS", "SHARE", "of_class", "of_function", "of_writes", "unknown"]

CODE = ("warmup", "warmup_unit", "warmup_start", "end_lr", "length")
"""Fields that code decides too, where its formula is not known."""

NUMBERS = (*CODE, "num_cycles", "power", "gamma", "step_size", "milestones", "values")
"""Fields that a schedule decides."""

SHARE = "a share of the rate"
"""How a rate is known that is not told by itself."""

Clock = Callable[[int], Callable[[int], int]]
Fields = dict[str, Found]

CLOCK = Unknown("the number of the step", Origin("computed"), "clock")
BASE = 0.000731058578
"""Stands for the rate that a schedule's object is built with."""


def of_function(seen: Seen, rule: Value, value: Value) -> Fields:
    """Of a function of the step's number that gives the factor of the rate."""
    gives = seen.program.apply(rule, CLOCK)
    formula = recognised(gives, {key(CLOCK): _itself}, {})
    place = _place(rule) or getattr(value, "place", None)
    if formula is not None and formula.schedule != "noam":
        peak = number(formula.numbers.get("peak"))
        of_another = peak is not None and peak != 1  # times the optimizer's rate it is more or less
        if of_another or _hides_a_length(formula, gives):
            formula = None
    return _fields(seen, formula, place, "epochs" if stepped_per_epoch(seen) else "steps", False)


def _hides_a_length(formula: Formula, gives: Value) -> bool:
    """Whether a rule reads how many batches there are and its formula does not: it was tried with
    numbers at which its curve is over before it begins."""
    named = [one for name, one in formula.numbers.items() if name in ("length", "warmup")]
    return bool(lengths_in(gives)) and not any(map(lengths_in, named))


def of_class(seen: Seen, value: Instance) -> Fields:
    """Of a subclass of a schedule, by its own `get_lr`."""
    method = next(
        (one.cells[n] for one in value.of.line for n in ("get_lr", "_get_lr") if n in one.cells),
        None,
    )
    place = value.place
    moved = any("step" in one.cells for one in value.of.line)
    if not isinstance(method, Function):
        why = f"{value.of.name}: its own rule"
        return {"schedule": Found("custom", "stated", place, why=why), **unknown(CODE, place, why)}
    gives = seen.program.apply(method.bind(value))
    if isinstance(gives, ListValue) and gives.values:
        gives = gives.values[0]
    clocks: dict[Key, Clock] = {}
    fixed: dict[Key, float] = {}
    for one in parts(gives):
        if _attribute(one) in ("last_epoch", "_step_count"):
            clocks[key(one)] = _itself
        elif _base(one):
            fixed[key(one)] = BASE
    formula = None if moved else recognised(gives, clocks, fixed, state=[value])
    unit = "epochs" if stepped_per_epoch(seen) else "steps"
    fields = _fields(seen, formula, _place(method) or place, unit, True)
    if formula is not None and _base(formula.numbers.get("peak", CLOCK)):
        del fields["lr"]
    elif formula is None and not any(map(_base, parts(gives))):
        why = f"{value.of.name} computes its rates from numbers of its own"
        fields |= unknown(("lr",), place, why)
    return fields


def of_writes(seen: Seen, stores: Sequence[Event]) -> Fields:
    """Of a rate that the loop writes into the optimizer's groups."""
    real = [one for one in stores if one.context.real] or list(stores)
    scaled = of_scaled(seen, real)
    if scaled is not None:
        return scaled
    event = real[-1]
    value = event.args[0] if event.args else Known(None)
    clocks, epoch, unit = _clocks(seen, event, value)
    state = [] if seen.made is None else [seen.made]
    formula: Formula | None = None
    if clocks and not _sometimes(event) and not _may_return(seen, event):
        for one in dict.fromkeys((unit, "steps")):
            formula = recognised(
                value,
                clocks,
                {},
                epoch,
                one == "epochs" and epoch is not None,
                state,
                _span(event, value) if unit == "epochs" and epoch is None else None,
            )
            if formula is not None:
                unit = one
                break
    return _fields(seen, formula, event.place, unit, True, _first(value))


def _span(event: Event, value: Value) -> tuple[int, int] | None:
    """The first round and the one behind the last of the loop that a rate counts, where both are
    known."""
    indices = [one for one in parts(value) if isinstance(one, Unknown) and one.op == "index"]
    loops = [one for one in event.context.loops if any(_of_loop(index, one) for index in indices)]
    over = unwrapped(loops[0].over) if len(loops) == 1 else None
    if not isinstance(over, Made) or over.path.rpartition(".")[2] not in ("range", "trange"):
        return None
    ends = [number(one) for one in ([Known(0), *over.args] if len(over.args) == 1 else over.args)]
    match ends:
        case [int(first), int(end)]:
            return first, end
    return None


def _first(value: Value) -> int:
    """The number of the first round, where the rate depends on one such number alone."""
    starts = {
        one.operands[1].value
        for one in parts(value)
        if isinstance(one, Unknown) and one.op == "index" and isinstance(one.operands[1], Known)
    }
    (first,) = starts if len(starts) == 1 else (0,)
    return first if isinstance(first, int) else 0


def unknown(names: Sequence[str], place: Place | None, why: str) -> Fields:
    """These fields, of which nothing is known."""
    return {name: Found(None, "unknown", place, why=why) for name in names}


def _sometimes(event: Event) -> bool:
    """Whether the rate is written in some rounds only, which the clock decides: `if epoch > 9`.

    Every n-th round is no such case: the rate stays near what the rule gives.
    """
    for condition in event.context.conditions:
        tree = list(parts(condition.test))
        moving = any(isinstance(one, Unknown) and one.op in ("index", "carried") for one in tree)
        nth = any(isinstance(one, Unknown) and one.op == "%" for one in tree)
        if condition.taken is None and moving and not nth:
            return True
    return False


def _may_return(seen: Seen, event: Event) -> bool:
    """Whether the function that writes the rate may return before it does."""
    modules = [one for one in seen.program.modules.values() if one.file == event.place.file]
    cells = [value for module in modules for value in module.cells.values()]
    cells += [one for value in cells if isinstance(value, Class) for one in value.cells.values()]
    line = event.place.line
    around = [
        one.node
        for one in cells
        if isinstance(one, Function) and one.node.lineno <= line <= (one.node.end_lineno or 0)
    ]
    return any(
        isinstance(one, ast.Return) and one.lineno < line
        for node in around
        for one in ast.walk(node)
    )


def _itself(epoch: int) -> Callable[[int], int]:
    return lambda t: t


def _place(rule: Value) -> Place | None:
    if isinstance(rule, Function):
        return Place(rule.module.file, rule.node.lineno)
    return None


def _attribute(value: Value) -> str:
    if isinstance(value, Unknown) and value.op == "attr":
        name = value.operands[1]
        return str(name.value) if isinstance(name, Known) else ""
    return ""


def _base(value: Value) -> bool:
    """Whether a value is the rate that the object was built with."""
    if isinstance(value, Unknown) and value.op == "element":
        return _attribute(value.operands[0]) == "base_lrs"
    return _attribute(value) == "base_lr"


def _clocks(seen: Seen, event: Event, value: Value) -> tuple[dict[Key, Clock], Key | None, str]:
    """What of a rate moves with the loops, the steps of an epoch in it, and what it counts."""
    loops = event.context.loops
    batch = seen.batch_loop
    clocks: dict[Key, Clock] = {}
    epoch: Key | None = None
    unit = "steps"
    indices = [one for one in parts(value) if isinstance(one, Unknown) and one.op == "index"]
    batches = [one for one in indices if _of_loop(one, batch)]
    for one in parts(value):
        if not isinstance(one, Unknown):
            continue
        if one.op == "carried" and not indices:
            clocks[key(one)] = _carried(one)
        elif one.op == "index" and _of_loop(one, batch):
            epoch = key(Unknown(op="len", operands=(_unwrapped(one.operands[0]),)))
            clocks[key(one)] = lambda steps: lambda t: t % steps
        elif one.op == "index" and any(_of_loop(one, loop) for loop in loops):
            if batches:
                clocks[key(one)] = lambda steps: lambda t: t // steps
            else:
                clocks[key(one)] = _itself
            unit = "epochs"
    if unit == "epochs" and not batches:
        epoch = None
    return clocks, epoch, unit


def _carried(value: Unknown) -> Clock:
    before = value.operands[0]
    start = before.value if isinstance(before, Known) and isinstance(before.value, int) else 0
    return lambda steps: lambda t: t + start


def _of_loop(index: Unknown, loop: Loop | None) -> bool:
    if loop is None or loop.over is None:
        return False
    over = index.operands[0]
    return any(one is over for one in inside(loop.over))


def _unwrapped(over: Value) -> Value:
    """What gives the batches, without what passes them on one by one."""
    while isinstance(over, ListValue) and len(over.items) == 1:
        inner = over.values[0]
        if not (isinstance(inner, Unknown) and inner.op == "element"):
            break
        over = inner.operands[0]
    if isinstance(over, Made) and over.path.startswith("tqdm") and over.args:
        return _unwrapped(over.args[0])
    return over


def _numbers(numbers: Mapping[str, Value]) -> Iterator[tuple[str, Found]]:
    for name in ("end_lr", "num_cycles", "power", "gamma", "step_size"):
        if name in numbers:
            value = numbers[name]
            if name == "end_lr" and isinstance(value, (Known, Unknown)) and value.op == "/":
                value = value.operands[0]
            literal = isinstance(value, Known) and value.origin.place is None
            yield name, Found(getattr(value, "value", None), "stated") if literal else found(value)


def _behind(length: Value, warmup: Value | None) -> Value | None:
    """n of a length that is `warmup + n`: what the schedule has of its own."""
    if not isinstance(length, (Known, Unknown)) or length.op != "+" or warmup is None:
        return None
    first, second = length.operands
    return second if first is warmup or same_tree(first, warmup) else None


def _fields(
    seen: Seen,
    formula: Formula | None,
    place: Place | None,
    unit: str,
    holds_lr: bool,
    first: int = 0,
) -> Fields:
    """A recognised formula as fields.

    holds_lr: the rule gives the rate itself, not a factor of it.
    first: the number of the first round, from which milestones are counted.
    """
    if formula is None:
        why = "code that is none of the formulas known; write its rates as a table"
        return {
            "schedule": Found("custom", "unknown", place, "computed", why=why),
            **unknown(CODE, place, why),
        }
    numbers = formula.numbers
    fields: Fields = {"schedule": Found(formula.schedule, "stated", place, "computed")}
    if not formula.whole:
        why = "after its warmup it is none of the formulas known; write its rates as a table"
        fields["schedule"] = Found("custom", "stated", place, "computed", why=why)
        fields.update(unknown(("end_lr", "length"), place, why))
    elif formula.schedule == "custom":
        why = "it falls with the inverse square root of the time after its warmup"
        fields["schedule"] = Found("custom", "stated", place, "computed", why=why)
    fields.update(_numbers(numbers))
    end = numbers.get("end_lr")
    share = not holds_lr and end is not None and getattr(end, "op", "") != "/"
    if share and fields.get("end_lr") is not None:
        fields["end_lr"] = replace(fields["end_lr"], how=SHARE)
    length = numbers.get("length")
    rest = None if length is None or formula.jumps else _behind(length, numbers.get("warmup"))
    if length is not None:
        length = rest or length
        fields.update(lengths_of(seen, length, unit == "epochs"))
        if formula.jumps:
            why = f"the curve counts from the first update: {described(length)}"
            fields["schedule"] = Found(formula.schedule, "stated", place, "computed", why=why)
    if "warmup" in numbers:
        fields["warmup"], fields["warmup_unit"] = warmup_of(
            seen, numbers["warmup"], length, unit=unit
        )
        if formula.start:
            fields["warmup_start"] = Found(formula.start, "stated", place, SHARE)
        if rest is not None or not formula.shortened:
            fields["warmup_counted"] = Found("before", "stated", place, "computed")
        elif formula.jumps:
            fields["warmup_counted"] = Found("over", "stated", place, "computed")
    if formula.milestones:
        times = [int(one) if float(one).is_integer() else one for one in formula.milestones]
        times = [one - first for one in times]
        fields["milestones"] = Found(times, "stated", place, "computed")
        if holds_lr:
            fields["values"] = Found(list(formula.values), "stated", place, "computed")
            ratios = [round(b / a, 9) for a, b in pairwise(formula.values) if a]
            if len(set(ratios)) == 1:
                fields["gamma"] = Found(ratios[0], "stated", place, "computed")
    if unit == "epochs" and "length" not in fields and formula.schedule in ("step", "piecewise"):
        fields["length"] = Found("epoch_units", "stated", place, "computed")
    if holds_lr and "peak" in numbers:
        peak = numbers["peak"]
        literal = isinstance(peak, Known) and peak.origin.place is None
        value = Found(getattr(peak, "value", None), "stated", place) if literal else None
        fields["lr"] = value or base_rate(peak)
    return fields

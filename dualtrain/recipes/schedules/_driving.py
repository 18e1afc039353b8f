"""What drives the optimizer's rate: a number, an object of a schedule, or the loop itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dualtrain.reading import Event, Instance, Known, Made, Unknown, Value, alternatives
from dualtrain.recipes._clock import deep
from dualtrain.recipes._found import number
from dualtrain.recipes._seen import Seen, inside
from dualtrain.recipes.schedules._names import is_schedule_path

__all__ = [
    "beside",
    "built",
    "constructed",
    "construction",
    "decay_writes",
    "drives",
    "driving",
    "factors",
    "is_schedule",
    "rate",
    "writes",
]

HOLDS = ("_learning_rate", "_lr_scheduler", "lr_scheduler")
"""Attributes of an optimizer, or of a Trainer, that hold its schedule."""


def is_schedule(value: Value | None) -> bool:
    """Whether a value is an object of a schedule: a library's, or of a subclass of one."""
    if isinstance(value, Made):
        return is_schedule_path(value.path)
    return isinstance(value, Instance) and is_schedule_path(value.of.library)


def constructed(event: Event) -> Value | None:
    """The schedule that an event constructs."""
    if event.kind != "call" or not is_schedule_path(event.path):
        return None
    if isinstance(event.receiver, Instance):
        return event.receiver if event.name == "__init__" else None
    return event.result if is_schedule(event.result) else None


def construction(seen: Seen, schedule: Value) -> Event | None:
    """The call that constructs a schedule."""
    return next((one for one in seen.program.events if constructed(one) is schedule), None)


def rate(seen: Seen) -> Value | None:
    """What the optimizer was given as its rate; None where it was given none."""
    made = seen.optimizer
    if made is None:
        return None
    name, at = ("learning_rate", 0) if seen.framework == "paddle" else ("lr", 1)
    if name in made.kwargs:
        return made.kwargs[name]
    return made.args[at] if len(made.args) > at else None


def built(seen: Seen) -> list[tuple[Event, Value]]:
    """Schedules that no other one holds, and the calls that construct them."""
    events = [one for one in seen.program.events if one.kind == "call"]
    found = [(one, made) for one in events if (made := constructed(one)) is not None]
    held = {
        id(value)
        for one, made in found
        for given in (*one.args, *one.kwargs.values())
        for value in inside(given)
        if is_schedule(value) and value is not made
    }
    return [(one, made) for one, made in found if id(made) not in held]


def driving(seen: Seen) -> Value | None:
    """The object whose `step()` moves the optimizer's rate; of several that may, the one that is
    reached. Where none is handed to the optimizer, one that is built all the same; None where there
    is none."""
    given = rate(seen)
    if given is not None:
        held = [one for one in alternatives(given) if is_schedule(one)]
        if held:
            return next((one for one in held if _reached(seen, one)), held[0])
    for event in seen.calls("set_lr_scheduler"):
        if seen.of_optimizer(event.receiver) and event.args:
            return event.args[0]
    candidates = built(seen)
    attached = [(e, made) for e, made in candidates if _of_optimizer(seen, e)]
    others = [(e, made) for e, made in candidates if not _of_another(seen, e, made)]
    entered = [one for one in attached or others if one[0].context.real]
    if entered:
        outermost = min(len(event.context.loops) for event, _ in entered)
        return [made for e, made in entered if len(e.context.loops) == outermost][-1]
    trains = seen.optimizer is not None and seen.optimizer.context.real
    return None if trains or not attached else attached[-1][1]


def beside(seen: Seen, held: Value) -> list[tuple[Event, Value]]:
    """Schedules of the same optimizer that are built elsewhere and stepped too."""
    stepped = [one.receiver for one in seen.calls("step") if one.context.real]
    mine = next((e.place for e, made in built(seen) if made is held), None)
    return [
        (e, made)
        for e, made in built(seen)
        if e.context.real
        and e.place != mine
        and _of_optimizer(seen, e)
        and any(made is other for one in stepped if one is not None for other in alternatives(one))
    ]


def _reached(seen: Seen, value: Value) -> bool:
    return any(constructed(e) is value and e.context.real for e in seen.program.events)


def _of_optimizer(seen: Seen, event: Event) -> bool:
    return any(seen.of_optimizer(one) for one in (*event.args, *event.kwargs.values()))


def _of_another(seen: Seen, event: Event, schedule: Value) -> bool:
    """Whether a schedule is that of an optimizer which is not the one that trains: it was given
    that optimizer, or that optimizer was given it as its rate."""
    made = [one.result for one in seen.optimizers] + [one.receiver for one in seen.optimizers]
    given = [v for one in (*event.args, *event.kwargs.values()) for v in inside(one)]
    if any(v is one for v in given for one in made if one is not None):
        return True
    others = [one for one in seen.optimizers if one is not seen.optimizer]
    given = [v for one in others for g in (*one.args, *one.kwargs.values()) for v in inside(g)]
    return any(v is schedule for v in given)


def drives(seen: Seen, value: Value | None) -> bool:
    """Whether a value, such as the receiver of a `step`, is what drives the rate."""
    if value is None:
        return False
    held = driving(seen)
    if held is not None and any(one is held for one in alternatives(value)):
        return True
    if isinstance(value, Unknown) and value.op == "attr":
        of, name = value.operands
        return isinstance(name, Known) and name.value in HOLDS and seen.of_optimizer(of)
    if isinstance(value, Unknown) and value.op == "item" and held is not None:
        of, at = value.operands
        if isinstance(of, Made) and isinstance(at, Known) and isinstance(at.value, int):
            return held in of.args[at.value : at.value + 1]
    return False


def writes(seen: Seen) -> list[Event]:
    """Where the program writes the rate itself: into a group of the optimizer, or by `set_lr`; not
    where all that it writes is the rate that the optimizer has anyway."""
    found = [one for one in seen.program.events if _writes(seen, one)]
    real = [one for one in found if one.context.real] or found
    plain = number(rate(seen))
    same = plain is not None and all(number(one.args[0]) == plain for one in real if one.args)
    return [] if same else found or list(_made_anew(seen))


def _made_anew(seen: Seen) -> Iterator[Event]:
    """The optimizer's construction as what writes its rate, where each round of a loop makes one
    with the rate of that round."""
    given = rate(seen)
    if seen.optimizer is None or given is None or not seen.optimizer.context.loops:
        return
    if any(isinstance(one, Unknown) and one.op in ("index", "carried") for one in deep(given)):
        yield replace(seen.optimizer, args=(given,))


def _writes(seen: Seen, event: Event) -> bool:
    set_lr = event.kind == "call" and event.name == "set_lr"
    return _into_groups(seen, event, ".lr") or (set_lr and seen.of_optimizer(event.receiver))


def decay_writes(seen: Seen) -> Iterator[Event]:
    """Where a loop writes the decay into the optimizer's groups."""
    for event in seen.program.events:
        looped = event.context.real and event.context.loops and event.args
        if looped and _into_groups(seen, event, ".weight_decay"):
            yield event


def _into_groups(seen: Seen, event: Event, path: str) -> bool:
    if event.kind != "store" or event.path != path or event.receiver is None:
        return False
    return any(_groups(seen, one) for one in _bases(event.receiver))


def factors(seen: Seen) -> Iterator[Event]:
    """Where a loop of the training writes Paddle's factor of the rate into each parameter."""
    outer = {id(one) for update in seen.updates for one in update.context.loops}
    for event in seen.program.events:
        looped = event.context.real and any(id(one) in outer for one in event.context.loops)
        named = event.kind == "store" and event.path == ".learning_rate"
        if looped and named and _own_attributes(event.receiver):
            yield event


def _own_attributes(value: Value | None) -> bool:
    """Whether a value is the `optimize_attr` of a parameter."""
    if not (isinstance(value, Unknown) and value.op == "attr"):
        return False
    name = value.operands[1]
    return isinstance(name, Known) and name.value == "optimize_attr"


def _bases(value: Value) -> Iterator[Value]:
    """What an element or item is taken from, step by step."""
    while isinstance(value, Unknown) and value.op in ("element", "item"):
        value = value.operands[0]
        yield value


def _groups(seen: Seen, value: Value) -> bool:
    """Whether a value is the optimizer's parameter groups."""
    if not (isinstance(value, Unknown) and value.op == "attr"):
        return False
    of, name = value.operands
    return isinstance(name, Known) and name.value == "param_groups" and seen.of_optimizer(of)

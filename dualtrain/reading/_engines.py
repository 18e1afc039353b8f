"""Engines of ignite: a loop of the library's that calls the program's functions at its events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from dualtrain.reading import _attributes, _calls
from dualtrain.reading._expressions import element
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Condition,
    DictValue,
    Function,
    Item,
    Known,
    Library,
    ListValue,
    Loop,
    Made,
    Origin,
    Unknown,
    Value,
    leaves,
)

__all__ = ["MODELS"]

ENGINES = ("ignite.engine.Engine", "ignite.engine.engine.Engine")
TRAINERS = ("ignite.engine.create_supervised_trainer",)
EVALUATORS = ("ignite.engine.create_supervised_evaluator",)
HANDLERS = " handlers"
"""The cell of an engine that holds what is called at its events."""

WRAPPERS = ("LRScheduler",)
"""Handlers that step the schedule which they are given, after each update from the first on."""

SETS_RATES = ("Scheduler", "PiecewiseLinear", "ParamGroup", "lr_scheduler_with_warmup")
"""Handlers that write the rate themselves."""


def _handlers(engine: Made) -> tuple[Item, ...]:
    held = engine.cells.get(HANDLERS)
    return held.items if isinstance(held, ListValue) else ()


def _add(machine: Machine, engine: Value | None, event: Value, handler: list[Value]) -> None:
    if isinstance(engine, Made):
        one = ListValue("tuple", {"items": tuple(map(Item, [event, *handler])), "open": False})
        items = (*_handlers(engine), Item(one, machine.context))
        machine.write(engine.cells, HANDLERS, ListValue("list", {"items": items, "open": False}))


def _added(machine: Machine, event: Event) -> Value | None:
    """engine.add_event_handler(event, handler, *args)."""
    at, *handler = event.args or (Known(None),)
    named = event.kwargs.get("handler")
    _add(machine, event.receiver, at, [*handler, *([named] if named is not None else [])])
    return None


def _decorated(machine: Machine, event: Event) -> Value | None:
    """@engine.on(event, *args) above a function."""
    on = event.receiver
    if isinstance(on, Made) and on.args:
        _add(machine, on.receiver, on.args[0], [event.args[0], *on.args[1:]])
    return None


def _attached(machine: Machine, event: Event) -> Value | None:
    """schedule.attach(engine, event), as ignite's own schedules have it."""
    if event.args and event.receiver is not None:
        engine, *rest = event.args
        at = rest[0] if rest else Known(None)
        _add(machine, engine, at, [event.receiver])
    return None


def _run(machine: Machine, event: Event) -> Value | None:
    """engine.run(data, max_epochs): its loops, with what is called in them."""
    engine = event.receiver
    if not isinstance(engine, Made):
        return None
    words = dict(zip(("data", "max_epochs", "max_iters"), event.args, strict=False))
    given = {**words, **event.kwargs}
    data, place = given.get("data", Known(None)), event.place
    count, epoch = _counts(machine, engine, place)
    iterations = given.get("max_iters", Known(None))
    _at(machine, engine, "STARTED", count, place)
    with ExitStack() as loops:
        if _absent(iterations):
            over = _range(machine, given.get("max_epochs", Known(1)), place)
            loops.enter_context(machine.under(loop=Loop(over, place)))
            _at(machine, engine, "EPOCH_STARTED", epoch, place)
        with machine.under(
            loop=Loop(data if _absent(iterations) else _range(machine, iterations, place), place)
        ):
            _at(machine, engine, "ITERATION_STARTED", count, place)
            _step(machine, engine, data, place)
            _at(machine, engine, "ITERATION_COMPLETED", count, place)
        _at(machine, engine, "EPOCH_COMPLETED", epoch, place)
    _at(machine, engine, "COMPLETED", count, place)
    return None


def _absent(value: Value) -> bool:
    return isinstance(value, Known) and value.value is None


def _range(machine: Machine, count: Value, place: Place) -> Value:
    return Made("builtins.range", (count,), {}, place, machine.context)


def _counts(machine: Machine, engine: Made, place: Place) -> tuple[Value, Value]:
    """`engine.state.iteration` and `.epoch`, which go on from epoch to epoch, from 1."""
    inner = Unknown("", Origin("loop", place), "carried", (Known(0),))
    outer = Unknown("", Origin("loop", place), "carried", (inner,))
    made = [Unknown("", Origin("computed", place), "+", (one, Known(1))) for one in (outer, inner)]
    state = DictValue(dict(zip(("iteration", "epoch"), made, strict=True)), attributes=True)
    state.open = True
    machine.write(engine.cells, "state", state)
    return made[0], made[1]


def _step(machine: Machine, engine: Made, data: Value, place: Place) -> None:
    """What an engine does with a batch: the function it was made with, or the library's own."""
    batch = element(data, place)
    if engine.path in ENGINES and engine.args:
        _calls.call(machine, engine.args[0], [engine, batch], {}, place)
    elif engine.path in TRAINERS:
        words = ("model", "optimizer", "loss_fn")
        given = {**dict(zip(words, engine.args, strict=False)), **engine.kwargs}
        optimizer = given.get("optimizer", Known(None))
        steps = given.get("gradient_accumulation_steps")
        loss = machine.happens("loss", [batch], {}, place)
        if steps is not None:
            loss = Unknown("", Origin("computed", place), "/", (loss, steps))
        _call(machine, loss, "backward", place)
        with ExitStack() as gate:
            if steps is not None:
                state = engine.cells["state"]
                count = _attributes.get(machine, state, "iteration", place)
                gate.enter_context(machine.under(condition=_every(count, steps, place)))
            _call(machine, optimizer, "step", place)
            _call(machine, optimizer, "zero_grad", place)


def _call(machine: Machine, of: Value, name: str, place: Place) -> None:
    _calls.call(machine, _attributes.get(machine, of, name, place), [], {}, place)


def _every(count: Value, size: Value, place: Place) -> Condition:
    rest = Unknown("", Origin("computed", place), "%", (count, size))
    test = Unknown("", Origin("computed", place), "==", (rest, Known(0)))
    return Condition(test, True, None, place)


def _at(machine: Machine, engine: Made, name: str, count: Value, place: Place) -> None:
    """Calls what is to be called at an event, in the order in which it was added."""
    for item in _handlers(engine):
        assert isinstance(item.value, ListValue)
        at, *handler = item.value.values
        for when in _conditions(at, name, count, place):
            with machine.as_in(item.context), machine.under(condition=when):
                _handle(machine, engine, handler, name, place)


def _conditions(at: Value, name: str, count: Value, place: Place) -> Iterator[Condition | None]:
    """Each way in which an event, or one of several, is this one, with what filters it."""
    for one in leaves(at):
        made = isinstance(one, Made)
        path = one.path if isinstance(one, (Made, Library)) else ""
        if path.rpartition(".")[2] != name or ".Events." not in path:
            continue
        words = dict(one.kwargs) if isinstance(one, Made) else {}
        every = words.pop("every", None)
        if every is not None and not words:
            yield _every(count, every, place)
        elif made:
            yield Condition(Unknown("which of the events, a filter decides"), True, None, place)
        else:
            yield None


def _handle(machine: Machine, engine: Made, handler: list[Value], name: str, place: Place) -> None:
    if not handler:
        return
    first, *rest = handler
    path = _calls.path_of(first)
    if isinstance(first, Made) and path.startswith("ignite."):
        kind = path.rpartition(".")[2]
        if kind in WRAPPERS and first.args:
            _call(machine, first.args[0], "step", place)
        elif any(one in kind for one in SETS_RATES):
            optimizer = next(iter(first.args), first.kwargs.get("optimizer", Known(None)))
            why = f"{path} at {first.place} sets the rate"
            groups = _attributes.get(machine, optimizer, "param_groups", place)
            group = _attributes.item(machine, groups, Known(0), place)
            machine.stored(group, "lr", Unknown(why, Origin("computed", first.place)), place)
        return
    takes_none = isinstance(first, Function) and not first.node.args.args
    _calls.call(machine, first, rest if takes_none else [engine, *rest], {}, place)


MODELS: dict[str, Model] = {
    **{
        f"{prefix}{kind}.{name}": model
        for kind in (*ENGINES, *TRAINERS, *EVALUATORS)
        for prefix, name, model in (
            ("", "add_event_handler", _added),
            ("decorate:", "on", _decorated),
        )
    },
    **{f"{kind}.run": _run for kind in (*ENGINES, *TRAINERS)},
    "ignite.handlers.LRScheduler.attach": _attached,
}

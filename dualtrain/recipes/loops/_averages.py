"""Moving averages of the weights, beside the weights that train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dualtrain.reading import (
    DictValue,
    Event,
    Instance,
    Known,
    ListValue,
    Made,
    Unknown,
    Value,
    plain,
)
from dualtrain.reading._methods import COPIED
from dualtrain.recipes._clock import Clock, clock_of, deep
from dualtrain.recipes._configured import configured, of_processes
from dualtrain.recipes._found import described, number
from dualtrain.recipes._record import Found
from dualtrain.recipes._seen import Part, Seen
from dualtrain.recipes._signatures import given_by
from dualtrain.recipes.loops._moving import Moved, decay_words, moved

__all__ = ["averages_part"]

AVERAGED = "torch.optim.swa_utils.AveragedModel"
AVERAGED_PARAMETERS = ("model", "device", "avg_fn", "multi_avg_fn", "use_buffers")
BY_DECAY = (
    "torch.optim.swa_utils.get_ema_multi_avg_fn",
    "torch.optim.swa_utils.get_ema_avg_fn",
)

TIMM = tuple(
    f"timm.utils.{file}{name}" for file in ("", "model_ema.") for name in ("ModelEma", "ModelEmaV2")
)
"""Copies of the model at first, of its running statistics too; the decay is one number."""

OTHERS = ("modelema", "modelemav2", "modelemav3", "exponentialmovingaverage", "ema")
"""Classes by their names, in whatever library or program: the rule differs from one to the next."""


def averages_part(seen: Seen) -> Part:
    """`ema`: known where a library's rule or the lines that move them tell it, else that there
    are some."""
    clock = clock_of(seen)
    found = None if clock is None else _in_lines(clock)
    for event in seen.program.events if found is None else ():
        if event.context.real:
            found = _of_library(event) or _other(event)
        if found is not None:
            break
    return Part() if found is None else Part({"ema": found})


# Of the program's own lines


def _in_lines(clock: Clock) -> Found | None:
    seen = [(event, one) for event, one in moved(clock.seen.program.events) if _of_weights(one)]
    if not seen:
        return None
    event, first = seen[0]
    words = decay_words(first.decay)
    if words is None:
        return _unknown(event, f"averages of the weights that keep {described(first.decay)}")
    if not _at_each_update(clock, event):
        told = ", ".join(f"{name} {value}" for name, value in words.items())
        return _unknown(event, f"averages of the weights, {told}, not moved at each update")
    start = _start(first)
    if "start" not in words and words["decay"]:  # else they are the weights
        if start is None:
            return _unknown(event, f"averages, {words}: from where they begin cannot be told")
        words["start"] = start
    if any(_statistics(one) for _, one in seen):
        words["statistics"] = True
    return Found(words, "stated", event.place, "computed")


def _at_each_update(clock: Clock, event: Event) -> bool:
    """Whether an event goes with the updates: at each, or at each that is not skipped."""
    if not (clock.update_loop in event.context.loops and clock.entered(event)):
        return False
    if clock.inner is not None and clock.within(event):
        return False
    shared = {id(one.test) for update in clock.updates for one in clock.own(update)}
    odd = [one for one in clock.own(event) if one.taken is None and id(one.test) not in shared]
    grouped = clock.gate is not None and number(configured(clock.gate.size)) != 1
    gated = not grouped or clock.gated(event) is not None
    return gated and all(_of_one(one.test) for one in odd)


def _of_one(test: Value) -> bool:
    """Whether a test is of one parameter, of the loss scaler or of the process, not of the time."""
    scaler = any(_last(one) in ("get_scale", "_found_inf") for one in deep(test))
    return scaler or of_processes(test) or _has(test, (*PARAMETERS, *BUFFERS))


PARAMETERS = ("parameters", "named_parameters", "state_dict")
BUFFERS = ("buffers", "named_buffers")
COPIES = ("clone", "deepcopy", "copy", "detach")


def _of_weights(one: Moved) -> bool:
    return _has(one.weight, (*PARAMETERS, *BUFFERS))


def _statistics(one: Moved) -> bool:
    """Whether a line moves averages of what is no parameter."""
    whole = _has(one.average, ("state_dict",)) and not _has(one.average, PARAMETERS[:2])
    return whole or _has(one.average, BUFFERS)


def _last(value: Value) -> str:
    """The last name of what gave a value."""
    if isinstance(value, Unknown) and value.op == "attr":
        return str(getattr(value.operands[1], "value", ""))
    return value.path.split(".")[-1] if isinstance(value, Made) else ""


def _has(value: Value, names: tuple[str, ...]) -> bool:
    return any(_last(one) in names for one in _all(value))


def _all(value: Value) -> Iterator[Value]:
    """A value and all it is made of, what lists and mappings hold too."""
    stack, met = [value], set[int]()
    while stack:
        for one in deep(stack.pop()):
            if id(one) in met:
                continue
            met.add(id(one))
            yield one
            if isinstance(one, DictValue):
                stack += one.cells.values()
            if isinstance(one, ListValue):
                stack += one.values


def _start(moving: Moved) -> str | None:
    """What an average is at first; None where that is neither a weight's copy nor 0."""
    made, models = list(_all(moving.average)), _models(moving.weight)
    if any(_last(one) in ("zeros_like", "zeros") for one in made):
        return "zero"
    copies = any(_last(one) in COPIES or COPIED in getattr(one, "cells", {}) for one in made)
    return "initial" if copies or any(id(one) in models for one in made) else None


def _models(weight: Value) -> set[int]:
    """The models whose parameters a weight is of."""
    given = [one for one in _all(weight) if _last(one) in PARAMETERS and isinstance(one, Made)]
    return {id(one.receiver) for one in given if one.receiver is not None}


# Of a library


def _of_library(event: Event) -> Found | None:
    made = event.result
    if not isinstance(made, Made):
        return None
    if event.path in TIMM:
        decay = _number(given_by(("model", "decay"), made), 0.9999)
        words = {"decay": decay, "start": "initial", "statistics": True}
        if words["decay"] is None:
            return _unknown(event, "averages of the weights by timm, of a decay that is not told")
        return Found(words, "stated", event.place)
    return _of_torch(event, made) if event.path == AVERAGED else None


def _of_torch(event: Event, made: Made) -> Found:
    given = given_by(AVERAGED_PARAMETERS, made)
    rule = given.get("multi_avg_fn") or given.get("avg_fn")
    if not isinstance(rule, Made) or rule.path not in BY_DECAY:
        return _unknown(event, "averages by a rule of their own, or equal ones of all updates")
    words: dict[str, Any] = {"decay": _number(given_by(("decay",), rule), 0.999), "start": "first"}
    if words["decay"] is None:
        return _unknown(event, "averages of a decay that is not told")
    buffers = given.get("use_buffers", Known(False))
    if not isinstance(buffers, Known):
        return _unknown(event, f"averages, of buffers too if {described(buffers)}")
    if buffers.value:
        words["statistics"] = True
    return Found(words, "stated", event.place)


def _number(given: Mapping[str, Value], default: float) -> Any:
    try:
        return plain(given.get("decay", Known(default)))
    except ValueError:
        return None


def _other(event: Event) -> Found | None:
    """Of a class that is known by its name alone."""
    made = event.receiver if isinstance(event.receiver, Instance) else event.result
    name = made.of.name if isinstance(made, Instance) else event.name
    if name.lower() not in OTHERS or not isinstance(made, (Instance, Made)):
        return None
    given = made.cells if isinstance(made, Instance) else made.kwargs
    decay = given.get("decay") or given.get("ema_decay")
    told = "" if decay is None else f", decay {described(decay)}"
    return _unknown(
        event, f"averages of the weights by {name}{told}: see how it begins and warms up"
    )


def _unknown(event: Event, why: str) -> Found:
    return Found(None, "unknown", event.place, why=why)

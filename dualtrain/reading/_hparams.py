"""HParams of TensorFlow's contrib: numbers by name, which a text `name=value,...` changes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import ClassVar

from dualtrain.reading._flags import labelled
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._values import DictValue, Known, Origin, Unknown, Value

__all__ = ["MODELS"]

GIVEN = re.compile(r"\s*(\w+)\s*=\s*(\[[^\]]*\]|[^,\[\]]*?)\s*(?:,|$)")
"""One of `lr=0.1,layers=[1,2],name=text`."""

SWITCHES = {"true": True, "false": False}


@dataclass(slots=True, eq=False, repr=False)
class HParams(DictValue):
    """The object; its numbers are attributes too."""

    kind: ClassVar[str] = "hparams"


def _made(machine: Machine, event: Event) -> Value | None:
    cells = {
        name: labelled(value, Origin(value.origin.how, value.origin.place or event.place, name))
        if isinstance(value, Known)
        else value
        for name, value in event.kwargs.items()
        if name != "**"
    }
    more = event.kwargs.get("**")
    known = more.cells if isinstance(more, DictValue) else {}
    is_open = more is not None and not isinstance(more, DictValue)
    origin = Origin("computed", event.place)
    return HParams({**known, **cells}, origin, is_open, attributes=True)


def _parse(machine: Machine, event: Event) -> Value | None:
    of, (text,) = event.receiver, event.first(1)
    if not isinstance(of, HParams):
        return None
    if not isinstance(text, Known) or not isinstance(text.value, str):
        return _lost(machine, of, event)
    at, given = 0, dict[str, str]()
    while at < len(text.value):
        found = GIVEN.match(text.value, at)
        if found is None:
            return _lost(machine, of, event)
        given[found[1]], at = found[2], found.end()
    for name, value in given.items():
        machine.write(
            of.cells, name, Known(_read(value), Origin("command line", event.place, name))
        )
    return of


def _lost(machine: Machine, of: HParams, event: Event) -> Value:
    """What a text that is not known may have changed."""
    why = "a text that is not known may change it"
    for name in list(of.cells):
        origin = Origin("computed", event.place, str(name))
        machine.write(of.cells, name, Unknown(why, origin, "parsed"))
    return of


def _read(text: str) -> object:
    if text.lower() in SWITCHES:
        return SWITCHES[text.lower()]
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _set(machine: Machine, event: Event) -> Value | None:
    of, (name, value) = event.receiver, event.first(2)
    if not isinstance(of, HParams) or not isinstance(name, Known):
        return None
    machine.write(of.cells, name.value, value)
    return Known(None)


def _values(machine: Machine, event: Event) -> Value | None:
    of = event.receiver
    return DictValue(of.cells, of.origin, of.open) if isinstance(of, HParams) else None


MODELS: dict[str, Model] = {
    **{
        f"{module}.HParams": _made
        for module in (
            *("tensorflow.contrib.training", "tensorflow.contrib.training.python.training.hparam"),
            *("tensor2tensor.utils.hparam", "hparams"),
        )
    },
    "<hparams>.parse": _parse,
    "<hparams>.set_hparam": _set,
    "<hparams>.add_hparam": _set,
    "<hparams>.values": _values,
}

"""Methods of text, lists and mappings, and the functions of Python that compute."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dualtrain.reading import _attributes, _calls
from dualtrain.reading._flags import chooses, overwrites, read
from dualtrain.reading._machine import Event, Machine
from dualtrain.reading._operators import compute, truth
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    DictValue,
    Function,
    Instance,
    Item,
    Known,
    Library,
    ListValue,
    Made,
    Module,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS", "attributes_of", "copied", "method"]

TEXT = frozenset(
    [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "rsplit",
        "replace",
        "startswith",
        "endswith",
        "join",
        "format",
        "title",
        "capitalize",
        "find",
        "index",
        "count",
        "isdigit",
        "isnumeric",
        "partition",
        "rpartition",
        "splitlines",
        "encode",
        "decode",
        "casefold",
        "removeprefix",
        "removesuffix",
    ]
)
"""Methods of text; none has an effect."""


def method(
    machine: Machine,
    of: Value,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    place: Place,
) -> Value | None:
    """What a method of known data gives; None if it is none of theirs."""
    match of:
        case Known(value=str() | bytes()) if name in TEXT:
            if kwargs:
                return Unknown("", Origin("computed", place), name, (of, *args))
            return compute(name, lambda one, *a: getattr(one, name)(*a), (of, *args), place)
        case Known(value=str()) if f"pathlib.Path.{name}" in machine.models:
            return machine.happens(f"pathlib.Path.{name}", args, kwargs, place, receiver=of)
        case ListValue() if name in LISTS:
            return LISTS[name](machine, of, args, place)
        case DictValue(kind=kind) if kind and f"<{kind}>.{name}" in machine.models:
            return machine.happens(f"<{kind}>.{name}", args, kwargs, place, receiver=of)
        case DictValue() if name in DICTS:
            return DICTS[name](machine, of, args, kwargs, place)
        case DictValue(attributes=True) if f"<node>.{name}" in machine.models:
            return machine.happens(f"<node>.{name}", args, kwargs, place, receiver=of)
    return None


def _append(machine: Machine, of: ListValue, args: list[Value], place: Place) -> Value:
    added = tuple(Item(one, machine.context) for one in args[-1:])
    machine.write(of.cells, "items", (*of.items, *added))
    if machine.context.loops:
        machine.write(of.cells, "open", True)
    return Known(None)


def _extend(machine: Machine, of: ListValue, args: list[Value], place: Place) -> Value:
    more = args[0] if args else None
    if isinstance(more, ListValue):
        machine.write(of.cells, "items", (*of.items, *more.items))
        is_open = of.open or more.open
    else:
        element = Unknown("", Origin("computed", place), "element", (more or Known(None),))
        machine.write(of.cells, "items", (*of.items, Item(element, machine.context)))
        is_open = True
    machine.write(of.cells, "open", is_open)
    return Known(None)


def _copied(machine: Machine, of: ListValue, args: list[Value], place: Place) -> Value:
    return ListValue(of.kind, dict(of.cells), of.origin, of.over)


def _index(machine: Machine, of: ListValue, args: list[Value], place: Place) -> Value:
    return compute("index", lambda one, a: list(one).index(a), (of, *args[:1]), place)


LISTS: dict[str, Callable[[Machine, ListValue, list[Value], Place], Value]] = {
    "append": _append,
    "add": _append,
    "insert": _append,
    "extend": _extend,
    "update": _extend,
    "copy": _copied,
    "index": _index,
}


def _dict_init(machine: Machine, event: Event) -> Value | None:
    (of,) = event.first(1)
    if isinstance(of, DictValue):
        return _update(machine, of, list(event.args[1:]), dict(event.kwargs), event.place)
    return None


def _get(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    key = args[0] if args else Known(None)
    if isinstance(key, Known) and key.value in of.cells:
        found = of.cells[key.value]
        chooses(machine, of, key, place)
        return read(machine, found, place) if key.origin.how == "literal" else found
    if isinstance(key, Known) and not of.open:
        return args[1] if len(args) > 1 else kwargs.get("default", Known(None))
    return _attributes.item(machine, of, key, place)


def _items(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    pairs = tuple(
        Item(ListValue("tuple", {"items": (Item(_key(k)), Item(v)), "open": False}))
        for k, v in of.cells.items()
    )
    return ListValue("list", {"items": pairs, "open": of.open})


def _keys(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    return ListValue("list", {"items": tuple(Item(_key(k)) for k in of.cells), "open": of.open})


def _key(key: Any) -> Value:
    """A key; one that the text does not tell is a mark of the line that puts it there."""
    return Unknown("", Origin("computed"), "key") if _attributes.is_any(key) else Known(key)


def _values(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    return ListValue("list", {"items": tuple(map(Item, of.cells.values())), "open": of.open})


def _update(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    more = _attributes.entries(args[0]) if args else {}
    for key, value in {**(more or {}), **kwargs}.items():
        if of.attributes:
            overwrites(machine, str(key), of.cells.get(key), value, place)
        machine.write(of.cells, key, read(machine, value, place))
    if more is None:
        of.open = True
    return Known(None)


def _pop(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    value = _get(machine, of, args, kwargs, place)
    if args and isinstance(args[0], Known):
        machine.remove(of.cells, args[0].value)
    return value


def _set_default(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    key = args[0] if args else Known(None)
    default = args[1] if len(args) > 1 else Known(None)
    if not isinstance(key, Known):
        return _attributes.put_any(machine, of, default, place)
    if key.value not in of.cells and not of.open:
        machine.write(of.cells, key.value, default)
    return _get(machine, of, args, kwargs, place)


def _copied_dict(
    machine: Machine, of: DictValue, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    return DictValue(dict(of.cells), of.origin, of.open, of.attributes)


DICTS: dict[str, Callable[[Machine, DictValue, list[Value], dict[str, Value], Place], Value]] = {
    "get": _get,
    "items": _items,
    "keys": _keys,
    "values": _values,
    "update": _update,
    "__init__": _update,
    "pop": _pop,
    "setdefault": _set_default,
    "copy": _copied_dict,
}


# Functions


def _pure(op: str, function: Callable[..., Any]) -> Callable[[Machine, Event], Value | None]:
    def model(machine: Machine, event: Event) -> Value | None:
        if event.kwargs:
            return None
        return compute(op, function, event.args, event.place)

    return model


def _default_dict(machine: Machine, event: Event) -> Value:
    factory, *rest = event.args or (Known(None),)
    made = _dict(machine, replace(event, args=tuple(rest)))
    assert isinstance(made, DictValue)
    known = isinstance(factory, (Function, Class)) or (
        isinstance(factory, Library) and factory.path.startswith("builtins.")
    )
    made.factory, made.open = (factory, made.open) if known else (None, True)
    return made


def _len(machine: Machine, event: Event) -> Value:
    (of,) = event.first(1)
    if isinstance(of, ListValue) and not of.open:
        return Known(len(of.items), Origin("computed", event.place), "len", (of,))
    if isinstance(of, DictValue) and not of.open:
        return Known(len(of.cells), Origin("computed", event.place), "len", (of,))
    if isinstance(of, Instance):
        for one in of.of.line:
            found = one.cells.get("__len__")
            if isinstance(found, Function):
                return _calls.call(machine, found.bind(of), [], {}, event.place)
    return Unknown("", Origin("computed", event.place), "len", (of,))


def _any_or_all(op: str) -> Callable[[Machine, Event], Value]:
    def model(machine: Machine, event: Event) -> Value:
        origin = Origin("computed", event.place)
        (over,) = event.first(1)
        if not isinstance(over, ListValue):
            return Unknown("", origin, op, event.args)
        known = [truth(one) for one in over.values]
        decides = op == "any"
        if decides in known and all(not i.context.conditions for i in over.items):
            return Known(decides, origin, op, tuple(over.values))
        if not over.open and None not in known:
            return Known(not decides, origin, op, tuple(over.values))
        return Unknown("", origin, op, tuple(over.values))

    return model


def _sequence(kind: str) -> Callable[[Machine, Event], Value | None]:
    def model(machine: Machine, event: Event) -> Value | None:
        if not event.args:
            return ListValue(kind, {"items": (), "open": False}, Origin("literal", event.place))
        of = event.args[0]
        if isinstance(of, ListValue):
            return ListValue(kind, dict(of.cells), of.origin, of.over)
        if isinstance(of, DictValue):
            return ListValue(kind, dict(_keys(machine, of, [], {}, event.place).cells))  # type: ignore[attr-defined]
        if isinstance(of, Known) and isinstance(of.value, str):
            items = tuple(Item(Known(one, of.origin)) for one in of.value)
            return ListValue(kind, {"items": items, "open": False}, of.origin)
        return None

    return model


def _dict(machine: Machine, event: Event) -> Value:
    made = DictValue({}, Origin("literal", event.place))
    for of in event.args[:1]:
        if isinstance(of, DictValue):
            made.cells |= of.cells
            made.open = of.open
        elif isinstance(of, ListValue) and not of.open:
            for one in of.values:
                if isinstance(one, ListValue) and len(one.items) == 2:
                    key, value = one.values
                    if isinstance(key, Known):
                        made.cells[key.value] = value
        elif isinstance(of, Made) and of.path == "builtins.zip" and len(of.args) == 2:
            keys, values = of.args
            if isinstance(keys, ListValue) and isinstance(values, ListValue):
                for key, value in zip(keys.values, values.values, strict=False):
                    if isinstance(key, Known):
                        made.cells[key.value] = value
        else:
            made.open = True
    made.cells |= {key: one for key, one in event.kwargs.items() if key != "**"}
    made.open = made.open or "**" in event.kwargs
    return made


def _getattr(machine: Machine, event: Event) -> Value | None:
    of, name, *default = [*event.first(2), *event.args[2:]]
    if isinstance(name, Known) and isinstance(name.value, str):
        found = _attributes.get(machine, of, name.value, event.place)
        absent = isinstance(found, Unknown) and found.op == "attr" and found.operands[0] is of
        sure = isinstance(of, (Instance, Module)) and not _has_library(of)
        if absent and default and (sure or (isinstance(of, DictValue) and not of.open)):
            return default[0]
        literal = name.origin.how == "literal"
        return read(machine, found, event.place) if literal else found
    return None


def _has_library(of: Value) -> bool:
    return isinstance(of, Instance) and bool(of.of.library)


def _setattr(machine: Machine, event: Event) -> Value | None:
    if len(event.args) == 3 and isinstance(event.args[1], Known):
        of, name, value = event.args
        read(machine, value, event.place)
        assert isinstance(name, Known)
        _attributes.put(machine, of, str(name.value), value, event.place)
        return Known(None)
    if len(event.args) == 3 and isinstance(event.args[2], Unknown):
        of, name, value = event.args
        assert isinstance(value, Unknown)
        source = value.operands[0] if value.op == "item" and name in value.operands[1:] else None
        if isinstance(source, DictValue):  # each key of a mapping that is an attribute too
            for key, one in source.cells.items():
                if isinstance(key, str) and not _is_own(of, key):
                    read(machine, one, event.place)
                    _attributes.put(machine, of, key, one, event.place)
            return Known(None)
    return None


def _is_own(of: Value, name: str) -> bool:
    """Whether the program's own class says what it has, and has none of this name."""
    return isinstance(of, Instance) and not of.of.library and name not in of.cells


def _hasattr(machine: Machine, event: Event) -> Value | None:
    of, name = event.first(2)
    if isinstance(name, Known) and isinstance(name.value, str):
        found = _attributes.get(machine, of, name.value, event.place)
        absent = isinstance(found, Unknown) and found.op == "attr" and found.operands[0] is of
        if not absent:
            return Known(True, Origin("computed", event.place))
        closed = isinstance(of, DictValue) and not of.open
        if closed or (isinstance(of, Instance) and not of.of.library):
            return Known(False, Origin("computed", event.place))
    return Unknown("", Origin("computed", event.place), "hasattr", event.args)


def _vars(machine: Machine, event: Event) -> Value | None:
    if event.args and isinstance(event.args[0], Instance):
        return DictValue(event.args[0].cells)
    if event.args and isinstance(event.args[0], DictValue):
        return event.args[0]
    return None


def _same(machine: Machine, event: Event) -> Value | None:
    return event.args[0] if event.args else None


def copied(value: Value) -> Value:
    """A copy whose changes are its own."""
    if isinstance(value, DictValue):
        cells = {key: copied(one) for key, one in value.cells.items()}
        return DictValue(cells, value.origin, value.open, value.attributes, value.of)
    if isinstance(value, ListValue):
        items = tuple(Item(copied(one.value), one.context) for one in value.items)
        return ListValue(value.kind, {"items": items, "open": value.open}, value.origin)
    if isinstance(value, Instance):
        return Instance(value.of, value.place, {**value.cells, COPIED: Known(True)})
    if isinstance(value, Made):
        return replace(value, cells={**value.cells, COPIED: Known(True)})
    return value


COPIED = "<a copy>"
"""A cell of an object that is a copy of another."""


def _deepcopy(machine: Machine, event: Event) -> Value | None:
    return copied(event.args[0]) if event.args else None


def _attributes_of(machine: Machine, event: Event) -> Value:
    return attributes_of(_dict(machine, event))


def attributes_of(value: Value) -> Value:
    """A mapping whose keys are attributes too, to the last."""
    if isinstance(value, DictValue):
        cells = {key: attributes_of(one) for key, one in value.cells.items()}
        return DictValue(cells, value.origin, value.open, True, value.of)
    if isinstance(value, ListValue):
        items = tuple(Item(attributes_of(one.value), one.context) for one in value.items)
        return ListValue(value.kind, {"items": items, "open": value.open}, value.origin)
    return value


def _super(machine: Machine, event: Event) -> Value | None:
    from dualtrain.reading._values import Super

    if len(event.args) == 2 and isinstance(event.args[0], Class):
        return Super(event.args[1], event.args[0])
    return None


def _spawn(machine: Machine, event: Event) -> Value | None:
    """Processes that each call a function: paddle.distributed.spawn, torch.multiprocessing."""
    function, *rest = event.args or (event.kwargs.get("func") or Known(None),)
    given = event.kwargs.get("args", rest[0] if rest else None)
    args = given.values if isinstance(given, ListValue) else []
    if event.path.startswith("torch"):
        args = [Unknown("the number of the process", op="rank"), *args]
    if isinstance(function, Function):
        _calls.call(machine, function, args, {}, event.place)
    return Known(None)


def _map(machine: Machine, event: Event) -> Value | None:
    function, over = (*event.args, Known(None), Known(None))[:2]
    if isinstance(over, ListValue):
        items = tuple(
            Item(_calls.call(machine, function, [one.value], {}, event.place), one.context)
            for one in over.items
        )
        return ListValue("list", {"items": items, "open": over.open})
    return None


def _filter(machine: Machine, event: Event) -> Value | None:
    from dualtrain.reading._expressions import element
    from dualtrain.reading._values import Condition, Context

    function, over = (*event.args, Known(None), Known(None))[:2]
    if isinstance(over, ListValue) and not over.open:
        return None
    one = element(over, event.place)
    test = _calls.call(machine, function, [one], {}, event.place)
    context = Context(conditions=(Condition(test, True, None, event.place),))
    return ListValue("list", {"items": (Item(one, context),), "open": True}, over=over)


def _get_int(text: Any, *base: Any) -> int:
    if isinstance(text, str) and len(text) > 100:
        raise ValueError
    return int(text, *base)


def _strtobool(text: str) -> int:
    """As distutils has it: 1 or 0."""
    if text.lower() in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if text.lower() in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(text)


MODELS: dict[str, Callable[[Machine, Event], Value | None]] = {
    "builtins.len": _len,
    "builtins.any": _any_or_all("any"),
    "builtins.all": _any_or_all("all"),
    "builtins.int": _pure("int", _get_int),
    "builtins.float": _pure("float", float),
    "builtins.bool": _pure("bool", bool),
    "builtins.str": _pure("str", str),
    "builtins.abs": _pure("abs", abs),
    "builtins.round": _pure("round", round),
    "builtins.max": _pure("max", max),
    "builtins.min": _pure("min", min),
    "builtins.sum": _pure("sum", sum),
    "builtins.divmod": _pure("divmod", divmod),
    "builtins.list": _sequence("list"),
    "builtins.tuple": _sequence("tuple"),
    "builtins.set": _sequence("set"),
    "builtins.frozenset": _sequence("set"),
    "builtins.dict": _dict,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.hasattr": _hasattr,
    "builtins.vars": _vars,
    "builtins.super": _super,
    "builtins.dict.__init__": _dict_init,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _default_dict,
    "easydict.EasyDict": _attributes_of,
    "attrdict.AttrDict": _attributes_of,
    "addict.Dict": _attributes_of,
    "box.Box": _attributes_of,
    "types.SimpleNamespace": _attributes_of,
    "argparse.Namespace": _attributes_of,
    "copy.deepcopy": _deepcopy,
    "copy.copy": _deepcopy,
    "math.ceil": _pure("ceil", math.ceil),
    "math.floor": _pure("floor", math.floor),
    "math.sqrt": _pure("sqrt", math.sqrt),
    "math.log": _pure("log", math.log),
    "math.exp": _pure("exp", math.exp),
    "math.cos": _pure("cos", math.cos),
    "math.pow": _pure("pow", math.pow),
    "numpy.ceil": _pure("ceil", math.ceil),
    "numpy.floor": _pure("floor", math.floor),
    "numpy.array": _same,
    "numpy.cos": _pure("cos", math.cos),
    "numpy.sqrt": _pure("sqrt", math.sqrt),
    "distutils.util.strtobool": _pure("strtobool", _strtobool),
    "setuptools.distutils.util.strtobool": _pure("strtobool", _strtobool),
    "ast.literal_eval": _pure("literal_eval", lambda text: ast.literal_eval(text)),
    "builtins.eval": _pure("literal_eval", lambda text: ast.literal_eval(text)),
    "paddle.distributed.spawn": _spawn,
    "torch.multiprocessing.spawn": _spawn,
}

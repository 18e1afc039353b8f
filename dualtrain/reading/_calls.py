"""Calls: of the program's functions and classes, which are read, and of a library's."""

from __future__ import annotations

import ast
import builtins

from dualtrain.reading import _attributes, _methods, _statements
from dualtrain.reading._flags import defaulted, read
from dualtrain.reading._machine import Frame, Machine, either
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
    Origin,
    Super,
    Unknown,
    Value,
    few,
)

__all__ = ["BUILTINS", "call", "instantiate", "path_of", "super_of"]

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("__")) | {"__import__"}


def path_of(value: Value) -> str:
    """The dotted path of a library's thing, or of what it made; empty of others."""
    match value:
        case Library(path=path) | Made(path=path):
            return path
        case Unknown(op="attr", operands=(of, Known(value=name))):
            return f"{path_of(of)}.{name}"
        case Instance():
            return value.of.library
    return ""


def call(
    machine: Machine,
    callee: Value,
    args: list[Value],
    kwargs: dict[str, Value],
    place: Place,
) -> Value:
    """What a call gives."""
    machine.burn()
    match callee:
        case Function():
            return _function(machine, callee, args, kwargs, place)
        case Class():
            return instantiate(machine, callee, args, kwargs, place)
        case Library(path=path):
            return machine.happens(path, args, kwargs, place)
        case Instance():
            return _instance(machine, callee, args, kwargs, place)
        case Unknown(op="if") if few(callee):
            test, a, b = callee.operands
            gives = [call(machine, one, args, kwargs, place) for one in (a, b)]
            return either(test, gives[0], gives[1])
        case Unknown(op="attr", operands=(of, Known(value=str(name)))):
            return _method(machine, of, name, args, kwargs, place)
        case Made(path="functools.partial") if callee.args:
            first, *rest = callee.args
            return call(machine, first, [*rest, *args], {**callee.kwargs, **kwargs}, place)
        case Made(path=path):
            return machine.happens(f"{path}.__call__", args, kwargs, place, receiver=callee)
    return machine.happens("?", args, kwargs, place, receiver=callee)


def _method(
    machine: Machine,
    of: Value,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
    place: Place,
) -> Value:
    """A method of what is not an object of the program: known data, or a library's."""
    if isinstance(of, Unknown) and of.op == "if" and few(of):
        test, a, b = of.operands
        gives = [
            call(machine, _attributes.get(machine, one, name, place), args, kwargs, place)
            for one in (a, b)
        ]
        return either(test, gives[0], gives[1])
    known = _methods.method(machine, of, name, args, kwargs, place)
    if known is not None:
        return known
    if isinstance(of, Super):
        of = of.receiver
        if isinstance(of, DictValue):
            return _methods.method(machine, of, name, args, kwargs, place) or Known(None)
        library = of.of.library if isinstance(of, Instance) else ""
        if not library:
            return Known(None)
        return machine.happens(f"{library}.{name}", args, kwargs, place, receiver=of)
    given = machine.happens(f"{path_of(of)}.{name}", args, kwargs, place, receiver=of)
    model = isinstance(of, Instance) and of.of.library.endswith((".Module", ".Layer"))
    return of if model and name in ITSELF else given


ITSELF = frozenset(
    (
        *("apply", "bfloat16", "cpu", "cuda", "double", "eval", "float", "half"),
        *("requires_grad_", "share_memory", "to", "train"),
    )
)
"""Methods of torch's Module and Paddle's Layer that give the model itself."""


def _instance(
    machine: Machine, of: Instance, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    for one in of.of.line:
        found = one.cells.get("__call__")
        if isinstance(found, Function):
            return call(machine, found.bind(of), args, kwargs, place)
    return machine.happens(f"{of.of.library}.__call__", args, kwargs, place, receiver=of)


def super_of(frame: Frame) -> Value:
    """`super()` in a method."""
    function = frame.function
    if function is None or function.bound is None or function.owner is None:
        return Unknown("super() outside a method")
    return Super(function.bound, function.owner)


def _function(
    machine: Machine,
    function: Function,
    args: list[Value],
    kwargs: dict[str, Value],
    place: Place,
) -> Value:
    for decorator in function.decorators:
        model = machine.models.get(f"@{path_of(decorator)}")
        if model is not None:
            machine.state["decorated"] = (function, args, kwargs, decorator)
            given = machine.happens(
                f"@{path_of(decorator)}", args, kwargs, place, receiver=function
            )
            if isinstance(given, Known):
                return given
            if isinstance(given, DictValue):
                args, kwargs = [], {str(k): v for k, v in given.cells.items()}
    obstacle = machine.obstacle(function, over_data=any(map(_data, args)))
    if obstacle:
        for one in (*args, *kwargs.values()):
            read(machine, one, place)
        return Unknown(obstacle, Origin("computed", place))
    cells = _bound(machine, function, args, kwargs, place)
    frame = Frame(cells, function.module, function.scopes, function)
    with machine.called(function, cells), machine.under(function=function.name):
        if isinstance(function.node, ast.Lambda):
            from dualtrain.reading._expressions import evaluate

            return evaluate(machine, function.node.body, frame)
        return _statements.run(machine, function.node.body, frame, place)


def _data(value: Value) -> bool:
    """Whether a value is known data, inside which there is less of it at each step."""
    return isinstance(value, (DictValue, ListValue)) and not value.open


def _bound(
    machine: Machine,
    function: Function,
    args: list[Value],
    kwargs: dict[str, Value],
    place: Place,
) -> dict[str, Value]:
    """The names of a call's frame."""
    a = function.node.args
    names = [one.arg for one in (*a.posonlyargs, *a.args)]
    given = [function.bound, *args] if function.bound is not None else list(args)
    cells: dict[str, Value] = dict(zip(names, given, strict=False))
    rest = dict(kwargs)
    spread = rest.pop("*", None), rest.pop("**", None)
    if a.vararg is not None:
        items = tuple(Item(one) for one in given[len(names) :])
        cells[a.vararg.arg] = ListValue("tuple", {"items": items, "open": spread[0] is not None})
    for name in (*names, *(one.arg for one in a.kwonlyargs)):
        if name in rest:
            cells[name] = rest.pop(name)
        elif name not in cells:
            origin = Origin("computed", place)
            if spread != (None, None):
                cells[name] = Unknown(
                    f"{name} comes out of what is spread", origin, "parameter", (Known(name),)
                )
            elif name in function.defaults:
                cells[name] = function.defaults[name]
            else:
                cells[name] = Unknown(f"{name} is not given", origin, "parameter", (Known(name),))
    for name in function.defaults:
        value = cells.get(name)
        if value is not None:
            defaulted(machine, function, name, value, value is not function.defaults[name])
    if a.kwarg is not None:
        cells[a.kwarg.arg] = DictValue(
            dict(rest), Origin("computed", place), open=spread[1] is not None
        )
    return cells


MAPPINGS = frozenset(
    {
        "builtins.dict",
        "collections.OrderedDict",
        "collections.UserDict",
        "easydict.EasyDict",
        "addict.Dict",
        "attrdict.AttrDict",
        "yacs.config.CfgNode",
        "fvcore.common.config.CfgNode",
    }
)
"""Library classes whose objects are mappings; those of a class of the program below are too."""


def _mapping(
    machine: Machine, of: Class, args: list[Value], kwargs: dict[str, Value], place: Place
) -> Value:
    made = DictValue({}, Origin("computed", place), attributes=True, of=of)
    for one in of.line:
        found = one.cells.get("__init__")
        if isinstance(found, Function):
            call(machine, found.bind(made), args, kwargs, place)
            return made
    _methods.method(machine, made, "__init__", args, kwargs, place)
    return made


def instantiate(
    machine: Machine,
    of: Class,
    args: list[Value],
    kwargs: dict[str, Value],
    place: Place,
) -> Value:
    """An object of a class of the program."""
    if of.library in MAPPINGS:
        return _mapping(machine, of, args, kwargs, place)
    made = Instance(of, place)
    for one in of.line:
        found = one.cells.get("__init__")
        if isinstance(found, Function):
            call(machine, found.bind(made), args, kwargs, place)
            return made
        for decorator in (*one.decorators, *one.bases):
            path = f"@{path_of(decorator)}"
            if path in machine.models:
                machine.happens(path, args, kwargs, place, receiver=made)
                return made
    if of.library:
        machine.happens(f"{of.library}.__init__", args, kwargs, place, receiver=made)
    return made

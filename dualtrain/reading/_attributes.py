"""Attributes and items: read and set, of objects of the program and of what is a library's."""

from __future__ import annotations

from typing import Any

from dualtrain.reading import _calls, _imports
from dualtrain.reading._files import path_attribute
from dualtrain.reading._flags import chooses, overwrites, read
from dualtrain.reading._machine import Machine, either
from dualtrain.reading._operators import OUTSIDE, compute
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Class,
    DictValue,
    Function,
    Instance,
    Known,
    Library,
    ListValue,
    Made,
    Module,
    Origin,
    Super,
    Unknown,
    Value,
    few,
    plain,
)

__all__ = ["entries", "get", "item", "put", "put_item", "slice_of"]


def get(machine: Machine, of: Value, name: str, place: Place) -> Value:
    """`of.name`."""
    match of:
        case Module():
            if name in of.cells:
                return of.cells[name]
            if name == "__dict__":
                return DictValue(of.cells)
            inner = _imports.submodule(machine, of, name) or _imports.starred(machine, of, name)
            return inner or _unknown(of, name, place)
        case Library(path=path):
            if (of.path, name) in of_libraries(machine):
                return of_libraries(machine)[of.path, name]
            return Library(f"{path}.{name}")
        case Instance():
            return _of_instance(machine, of, name, place)
        case Class():
            return _of_class(machine, of, name, place)
        case Super():
            return _of_super(of, name, place)
        case Made():
            if name in of.cells:
                return of.cells[name]
            if name in WRAPPED and of.path.endswith("DataParallel") and of.args:
                return of.args[0]
        case DictValue() if of.attributes and name in of.cells:
            return of.cells[name]
        case DictValue() if of.attributes and name == "__dict__":
            return of
        case DictValue(of=Class() as kind) if any(name in one.cells for one in kind.line):
            found = next(one.cells[name] for one in kind.line if name in one.cells)
            return _method(machine, found, of, kind, place)
        case Known(value=str(text)) if path_attribute(text, name) is not None:
            return Known(path_attribute(text, name), Origin("computed", place), name, (of,))
        case Known(value=str()) if name == "value":  # an enumeration's word stands for its member
            return of
        case Unknown(op="if") if few(of):
            test, a, b = of.operands
            return either(test, get(machine, a, name, place), get(machine, b, name, place))
        case Function() if name == "__name__":
            return Known(of.name)
    return _unknown(of, name, place)


WRAPPED = ("module", "_layers")
"""What torch and Paddle call the model inside their DataParallel."""


def of_libraries(machine: Machine) -> dict[tuple[str, str], Value]:
    """Attributes of modules of libraries that the program has set."""
    found: dict[tuple[str, str], Value] = machine.state.setdefault("libraries", {})
    return found


def _unknown(of: Value, name: str, place: Place) -> Value:
    return Unknown("", Origin("computed", place), "attr", (of, Known(name)))


def _method(machine: Machine, found: Value, receiver: Value, of: Class, place: Place) -> Value:
    if not isinstance(found, Function):
        return found
    names = {_calls.path_of(one) for one in found.decorators}
    if "builtins.staticmethod" in names:
        return found
    if "builtins.classmethod" in names:
        return found.bind(of)
    if names & PROPERTIES or any(one.endswith(".property") for one in names):
        return _calls.call(machine, found.bind(receiver), [], {}, place)
    return found.bind(receiver)


PROPERTIES = {"builtins.property", "functools.cached_property"}


def _of_instance(machine: Machine, of: Instance, name: str, place: Place) -> Value:
    if name in of.cells:
        return of.cells[name]
    if name == "__dict__":
        return DictValue(of.cells)
    if name == "__class__":
        return of.of
    for one in of.of.line:
        if name in one.cells:
            return _method(machine, one.cells[name], of, of.of, place)
    for one in of.of.line:
        found = one.cells.get("__getattr__")
        if isinstance(found, Function) and not name.startswith("__"):
            return _calls.call(machine, found.bind(of), [Known(name)], {}, place)
    return _unknown(of, name, place)


def _of_class(machine: Machine, of: Class, name: str, place: Place) -> Value:
    if name == "__name__":
        return Known(of.name)
    for one in of.line:
        if name in one.cells:
            found = one.cells[name]
            if isinstance(found, Function):
                names = {_calls.path_of(one) for one in found.decorators}
                return found.bind(of) if "builtins.classmethod" in names else found
            return found
    return _unknown(of, name, place)


def _of_super(of: Super, name: str, place: Place) -> Value:
    mapping = isinstance(of.receiver, DictValue)
    start = of.receiver.of if mapping or isinstance(of.receiver, Instance) else of.receiver  # type: ignore[attr-defined]
    line = start.line if isinstance(start, Class) else of.behind.line
    at = line.index(of.behind) + 1 if of.behind in line else 1
    for one in line[at:]:
        if name in one.cells:
            found = one.cells[name]
            return found.bind(of.receiver) if isinstance(found, Function) else found
    return _unknown(of, name, place)


def put(machine: Machine, of: Value, name: str, value: Value, place: Place) -> None:
    """`of.name = value`."""
    if isinstance(of, (Module, Instance, Class, DictValue, Made)):
        overwrites(machine, name, of.cells.get(name), value, place)
    match of:
        case Module() | Instance() | Class():
            machine.write(of.cells, name, value)
            if isinstance(of, Instance):
                machine.stored(of, name, value, place)
        case DictValue() if of.attributes:
            if name != "__dict__":
                machine.write(of.cells, name, value)
        case Made():
            machine.write(of.cells, name, value)
            machine.stored(of, name, value, place)
        case Library(path=path):
            machine.write(of_libraries(machine), (path, name), value)
        case _:
            machine.stored(of, name, value, place)


def item(machine: Machine, of: Value, index: Value, place: Place) -> Value:
    """`of[index]`."""
    if isinstance(of, Unknown) and of.op == "if" and few(of):
        test, a, b = of.operands
        return either(test, item(machine, a, index, place), item(machine, b, index, place))
    if isinstance(index, Unknown) and index.op == "if" and few(index):
        test, a, b = index.operands
        return either(test, item(machine, of, a, place), item(machine, of, b, place))
    if isinstance(index, Known):
        at = index.value
        if isinstance(of, DictValue) and _hashable(at) and at in of.cells:
            chooses(machine, of, index, place)
            return of.cells[at]
        if isinstance(of, Library) and of.path == "sys.modules":
            found = next((one for one in machine.modules.values() if one.name == at), None)
            if found is not None:
                return found
        if isinstance(of, DictValue) and _hashable(at) and of.factory is not None:
            machine.write(of.cells, at, _calls.call(machine, of.factory, [], {}, place))
            return of.cells[at]
        exact = isinstance(of, ListValue) and not of.open and isinstance(at, int)
        if exact and isinstance(of, ListValue) and -len(of.items) <= at < len(of.items):
            inside: Value = of.items[at].value
            return inside
        if isinstance(of, Known):
            return compute("item", lambda a, b: a[b], (of, index), place)
        if isinstance(of, Instance):
            for one in of.of.line:
                if "__getitem__" in one.cells and isinstance(one.cells["__getitem__"], Function):
                    method = one.cells["__getitem__"].bind(of)
                    return _calls.call(machine, method, [index], {}, place)
    return Unknown("", Origin("computed", place), "item", (of, index))


def _hashable(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, bytes, type(None)))


def put_item(machine: Machine, of: Value, index: Value, value: Value, place: Place) -> None:
    """`of[index] = value`."""
    read(machine, value, place)
    if isinstance(index, Known) and _hashable(index.value):
        if isinstance(of, DictValue):
            if of.attributes or of.origin.how == "configuration":
                overwrites(machine, str(index.value), of.cells.get(index.value), value, place)
            machine.write(of.cells, index.value, value)
            return
        if isinstance(of, ListValue) and isinstance(index.value, int) and not of.open:
            items = list(of.items)
            if -len(items) <= index.value < len(items):
                items[index.value] = type(items[0])(value, machine.context)
                machine.write(of.cells, "items", tuple(items))
            return
    elif isinstance(of, DictValue):
        put_any(machine, of, value, place)
    name = plain(index) if isinstance(index, Known) else "[]"
    machine.stored(of, str(name), value, place)


ANY = "any"


def put_any(machine: Machine, of: DictValue, value: Value, place: Place, nth: int = 0) -> Value:
    """Puts a value under a key that the text does not tell; gives the value that is there.

    nth: which of the several that one line puts there.
    """
    key = (ANY, str(place), nth)
    if key not in of.cells:
        machine.write(of.cells, key, value)
    of.open = of.open or machine.context.real
    return of.cells[key]


def is_any(key: object) -> bool:
    """Whether a key of a mapping stands for one that the text does not tell."""
    return isinstance(key, tuple) and key[:1] == (ANY,)


def slice_of(of: Value, bounds: list[Value], place: Place) -> Value:
    """`of[a:b:c]`."""
    origin = Origin("computed", place)
    if all(isinstance(one, Known) for one in bounds):
        at = slice(*(plain(one) for one in bounds))
        if isinstance(of, ListValue) and not of.open:
            return ListValue(of.kind, {"items": of.items[at], "open": False}, origin)
        if isinstance(of, Known) and isinstance(of.value, (str, bytes)):
            return Known(
                of.value[at],
                of.origin if of.origin.how in OUTSIDE else origin,
                "slice",
                (of, *bounds),
            )
    return Unknown("", origin, "slice", (of, *bounds))


def entries(value: Value) -> dict[Any, Value] | None:
    """The entries of a mapping; None where they are not known."""
    if isinstance(value, DictValue):
        return dict(value.cells)
    return None

"""What is asked of a value's class: `isinstance`, `type`, `callable`."""

from __future__ import annotations

from dualtrain.reading._imports import EXPORTED
from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._operators import is_object
from dualtrain.reading._values import (
    Class,
    DictValue,
    Function,
    Instance,
    Known,
    Library,
    ListValue,
    Made,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS"]

PLAIN = frozenset(
    f"builtins.{name}" for name in ["int", "float", "str", "bool", "list", "tuple", "set", "dict"]
)
"""Classes of Python's own data, from which the objects of libraries do not derive."""

SCHEDULES = ("torch.optim.lr_scheduler", "paddle.optimizer.lr")


def _isinstance(machine: Machine, event: Event) -> Value | None:
    of, kind = event.first(2)
    kinds = kind.values if isinstance(kind, ListValue) else [kind]
    types = {
        "builtins.int": int,
        "builtins.float": float,
        "builtins.str": str,
        "builtins.bool": bool,
    }
    known: list[bool | None] = []
    for one in kinds:
        match of, one:
            case Known(), Library(path=path) if path in types:
                known.append(isinstance(of.value, types[path]))
            case ((Known() | ListValue() | DictValue()), Library(path=path)):
                names = {"builtins.list": "list", "builtins.tuple": "tuple", "builtins.set": "set"}
                if isinstance(of, ListValue) and path in names:
                    known.append(of.kind == names[path])
                elif path in ("builtins.dict", "collections.abc.Mapping"):
                    known.append(isinstance(of, DictValue))
                else:
                    known.append(False)
            case DictValue(of=Class() as kind_of), Class():
                known.append(one in kind_of.line)
            case ((Known() | ListValue() | DictValue()), Class()):
                known.append(False)
            case Instance(), Class():
                known.append(one in of.of.line)
            case Made() | Instance(), Library(path=path) if path in PLAIN and is_object(of):
                known.append(False)
            case Made(path=made), Library(path=path):
                known.append(_made_of(made, path))
            case _:
                known.append(None)
    if True in known:
        return Known(True, Origin("computed", event.place))
    if known and None not in known:
        return Known(False, Origin("computed", event.place))
    return Unknown("", Origin("computed", event.place), "isinstance", event.args)


def _made_of(made: str, path: str) -> bool | None:
    """Whether what a library made is of a class; only schedules are told apart, of which none but
    the first derives from another."""
    if made == path:
        return True
    package, _, name = path.rpartition(".")
    if package not in SCHEDULES or name not in EXPORTED[package].split() or name == "LRScheduler":
        return None
    if made.startswith("transformers.") and made.rpartition(".")[2].startswith("get_"):
        return name == "LambdaLR"
    return False if made.rpartition(".")[0] == package else None


def _type(machine: Machine, event: Event) -> Value | None:
    match event.args:
        case (Instance(of=of),):
            return of
        case (DictValue(of=Class() as of),):
            return of
        case (DictValue(),):
            return Library("builtins.dict")
        case (ListValue(kind=kind),):
            return Library(f"builtins.{kind}")
        case (Known(value=value),):
            return Library(f"builtins.{type(value).__name__}")
    return None


def _callable(machine: Machine, event: Event) -> Value | None:
    match event.args:
        case (Function() | Class() | Library(),):
            return Known(True, Origin("computed", event.place))
        case (Known() | ListValue() | DictValue(),):
            return Known(False, Origin("computed", event.place))
    return None


MODELS: dict[str, Model] = {
    "builtins.isinstance": _isinstance,
    "builtins.type": _type,
    "builtins.callable": _callable,
}

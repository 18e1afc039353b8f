"""Text that a program executes, and modules it imports by name or path: read in their place."""

from __future__ import annotations

from dualtrain.errors import SourceError
from dualtrain.reading import _imports, _statements
from dualtrain.reading._config_nodes import merge
from dualtrain.reading._configurations import load
from dualtrain.reading._files import find, folder, text_of
from dualtrain.reading._flags import labelled
from dualtrain.reading._machine import Event, Frame, Machine, Model
from dualtrain.reading._place import Place
from dualtrain.reading._source import tree
from dualtrain.reading._values import (
    DictValue,
    Item,
    Known,
    ListValue,
    Made,
    Module,
    Origin,
    Unknown,
    Value,
)

__all__ = ["MODELS", "module_of"]

EXECUTED = "modules being executed"


def module_of(machine: Machine, file: str) -> Module | None:
    """The module whose text stands in a file."""
    executed: dict[str, Module] = machine.state.get(EXECUTED, {})
    if file in executed:
        return executed[file]
    return next((one for one in machine.modules.values() if one.file == file), None)


def _exec(machine: Machine, event: Event) -> Value | None:
    """exec(open(path).read()): the file's statements, among the names of the one that calls."""
    text, *spaces = event.args or (Known(None),)
    around = module_of(machine, event.place.file)
    if not isinstance(text, Known) or not isinstance(text.value, str) or around is None:
        why = getattr(text, "why", "") or "its text is not known"
        machine.note(f"{event.place}: what is executed is not read: {why}")
        return Known(None)
    file = text.origin.place.file if text.op == "file" and text.origin.place else event.place.file
    space = spaces[0].cells if spaces and isinstance(spaces[0], DictValue) else around.cells
    executed = machine.state.setdefault(EXECUTED, {})
    inner = Module(around.name, file, space)
    since = machine.mark()
    try:
        body = tree(text.value, file).body
    except SourceError as fault:
        machine.note(str(fault))
        return Known(None)
    if file in executed:
        machine.note(f"{event.place}: {file} executes itself")
        return Known(None)
    executed[file] = inner
    try:
        _statements.block(machine, body, Frame(space, inner))
    finally:
        executed.pop(file)
    for change in machine.changes(since):
        if change.cells is space and isinstance(change.new, (Known, Unknown, ListValue)):
            named = _configured(change.new, file, str(change.key))
            machine.write(space, change.key, named)
    return Known(None)


def _configured(value: Value, file: str, key: str) -> Value:
    """The value as the configuration file has it under a key."""
    if isinstance(value, DictValue):
        inner = {
            name: _configured(one, file, f"{key}.{name}" if key else str(name))
            for name, one in value.cells.items()
        }
        return DictValue(inner, value.origin, value.open, attributes=True)
    if isinstance(value, ListValue):
        items = tuple(Item(_configured(one.value, file, key), one.context) for one in value.items)
        value = ListValue(value.kind, {"items": items, "open": value.open}, value.origin)
    origin = getattr(value, "origin", None)
    if origin is None or origin.place is None or origin.place.file != file:
        return value
    known = origin.how in ("literal", "computed") and not origin.name
    return labelled(value, Origin("configuration", origin.place, key)) if known else value


def _compile(machine: Machine, event: Event) -> Value | None:
    return event.args[0] if event.args else None


def _globals(machine: Machine, event: Event) -> Value | None:
    module = module_of(machine, event.place.file)
    return None if module is None else DictValue(module.cells, Origin("computed", event.place))


def _import_module(machine: Machine, event: Event) -> Value | None:
    name = event.args[0] if event.args else event.kwargs.get("name")
    here = module_of(machine, event.place.file)
    if not isinstance(name, Known) or not isinstance(name.value, str) or here is None:
        return None
    if name.value == here.name:
        return here
    text = name.value.lstrip(".")
    level = len(name.value) - len(text)
    return _imports.module(machine, text, Frame({}, here), level)


def _path_added(machine: Machine, event: Event) -> Value | None:
    """sys.path.append(folder), insert(0, folder), extend([folders]): of folders that are read."""
    given = event.args[-1] if event.args else Known(None)
    added = given.values if isinstance(given, ListValue) else [given]
    folders = [folder(machine, one.value) for one in added if isinstance(one, Known)]
    own = [one for one in folders if one is not None and one not in machine.paths]
    if machine.context.real:
        machine.paths[:] = (
            [*machine.paths, *own] if event.name != "insert" else [*own, *machine.paths]
        )
    return Known(None)


def _of_path(machine: Machine, event: Event, path: Value | None) -> Module | None:
    if not isinstance(path, Known) or not isinstance(path.value, str):
        return None
    found = find(machine, path.value)
    module = None if found is None else _imports.loaded(machine, found, found.stem)
    return module if isinstance(module, Module) else None


def _from_spec(machine: Machine, event: Event) -> Value | None:
    """module_from_spec(spec_from_file_location(name, path))."""
    spec = event.args[0] if event.args else None
    if not isinstance(spec, Made) or not spec.path.endswith("spec_from_file_location"):
        return None
    path = spec.args[1] if len(spec.args) > 1 else spec.kwargs.get("location")
    return _of_path(machine, event, path)


def _load_module(machine: Machine, event: Event) -> Value | None:
    """SourceFileLoader(name, path).load_module()."""
    loader = event.receiver
    path = loader.args[1] if isinstance(loader, Made) and len(loader.args) > 1 else None
    return _of_path(machine, event, path)


def _from_file(machine: Machine, event: Event) -> Value | None:
    """Config.fromfile of mmcv and mmengine: a module of constants, over those it builds upon."""
    path = event.args[0] if event.args else event.kwargs.get("filename", Known(None))
    return _constants(machine, path, event.place, 0)


def _constants(machine: Machine, path: Value, place: Place, depth: int) -> Value:
    text = text_of(machine, path, place)
    if not isinstance(text, Known) or not isinstance(path, Known) or depth > 5:
        return text
    if not str(path.value).endswith(".py"):
        kind = "json" if str(path.value).endswith(".json") else "yaml"
        return load(machine, kind, text, place, attributes=True)
    file = text.origin.place.file if text.origin.place else place.file
    space: dict[str, Value] = {}
    module = Module(file, file, space)
    try:
        _statements.block(machine, tree(text.value, file).body, Frame(space, module))
    except SourceError as fault:
        machine.note(str(fault))
        return Unknown(str(fault), text.origin, "file", (path,))
    own = {name: one for name, one in space.items() if not name.startswith("__")}
    bases = own.pop("_base_", None)
    made = DictValue({}, Origin("configuration", Place(file, 1)), attributes=True)
    for one in bases.values if isinstance(bases, ListValue) else [bases] if bases else []:
        if isinstance(one, Known) and isinstance(one.value, str):
            folder = file.rpartition("/")[0]
            inner = Known(f"{folder}/{one.value}" if folder else one.value, one.origin)
            found = _constants(machine, inner, place, depth + 1)
            if isinstance(found, DictValue):
                merge(machine, made, found)
    mine = _configured(DictValue(dict(own)), file, "")
    assert isinstance(mine, DictValue)
    merge(machine, made, mine)
    return made


MODELS: dict[str, Model] = {
    "builtins.exec": _exec,
    "builtins.compile": _compile,
    "builtins.globals": _globals,
    "builtins.locals": _globals,
    "importlib.import_module": _import_module,
    "builtins.__import__": _import_module,
    **{f"sys.path.{one}": _path_added for one in ("append", "extend", "insert")},
    "importlib.util.module_from_spec": _from_spec,
    "importlib.machinery.SourceFileLoader.load_module": _load_module,
    **{
        f"{name}.fromfile": _from_file
        for name in (
            "mmcv.Config",
            "mmcv.utils.Config",
            "mmengine.Config",
            "mmengine.config.Config",
        )
    },
}

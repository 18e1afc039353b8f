"""A program read from its entry on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dualtrain.reading import _attributes, _calls, _imports
from dualtrain.reading._flags import Flags, flags_of
from dualtrain.reading._machine import Event, Machine, Model, OutOfFuel
from dualtrain.reading._models import ALL_MODELS
from dualtrain.reading._place import Place
from dualtrain.reading._values import (
    Function,
    Item,
    Known,
    ListValue,
    Module,
    Unknown,
    Value,
)

__all__ = ["Program", "read_program"]


@dataclass(frozen=True, slots=True)
class Program:
    """What a program does to what is not its own, in order, and what was read of it."""

    entry: Module
    events: Sequence[Event]
    notes: Sequence[str]
    modules: Mapping[str, Module]
    """By path."""
    machine: Machine
    """As it is at the program's end."""
    called: Sequence[str] = ()
    """Functions that nothing calls and that were read as if they were."""
    raises: Sequence[Place] = ()
    """Where it ends with an error, as its own tests tell: such as of what the command lacks."""
    flags: Flags = field(default_factory=Flags)
    """What it declares, what the command gives, and what is read of it."""

    def apply(self, function: Value, *args: Value) -> Value:
        """What a function of the program gives, called once the program has ended; nothing that
        it does is kept."""
        place = Place(self.entry.file, 0)
        events, mark = len(self.machine.events), self.machine.mark()
        try:
            return _calls.call(self.machine, function, list(args), {}, place)
        except (OutOfFuel, RecursionError):
            return Unknown("too long to be followed to its end")
        finally:
            del self.machine.events[events:]
            self.machine.back(mark)


def read_program(
    entry: Path,
    root: Path,
    *,
    argv: Sequence[Known] = (),
    paths: Sequence[Path] = (),
    models: Mapping[str, Model] | None = None,
    uncalled: Sequence[str] = (),
    folder: str | None = None,
    config: Path | None = None,
) -> Program:
    """Reads a script, without running any of it.

    entry: the script. root: the folder whose files are the program's own.
    argv: the words behind the script's name, with where each stands.
    models: what functions of libraries give, beside those of Python.
    uncalled: names of functions of the entry that are read too where nothing calls them.
    folder: where it is run, below the root; files it opens are looked for there first.
    config: the configuration, below the root, whose name stands for it where it opens that.

    Raises SourceError: the entry cannot be read, or is no Python.
    """
    root = root.resolve()
    machine = Machine(root, paths=paths, argv=argv, models={**ALL_MODELS, **(models or {})})
    words = (Known(entry.name), *argv)
    _attributes.of_libraries(machine)["sys", "argv"] = ListValue(
        "list", {"items": tuple(map(Item, words)), "open": False}
    )
    called: list[str] = []
    entry = entry.resolve()
    machine.state["entry"] = entry.parent
    if config is not None and config.resolve().is_relative_to(root):
        machine.state["config"] = config.resolve()
    if folder is not None:
        machine.state["folder"] = root / folder
    module = Module("__main__", entry.name)
    try:
        module = _imports.main(machine, entry)
        seen = {one for event in machine.events for one in event.context.functions}
        for name in uncalled:
            function = module.cells.get(name)
            if isinstance(function, Function) and name not in seen:
                called.append(name)
                place = Place(module.file, function.node.lineno)
                _calls.call(machine, function, [], {}, place)
    except OutOfFuel:
        module = machine.modules.get(str(entry), module)
        machine.note(f"{module.file}: too long to be followed to its end")
    except RecursionError:
        module = machine.modules.get(str(entry), module)
        machine.note(f"{module.file}: too deeply nested to be followed to its end")
    return Program(
        module,
        machine.events,
        machine.notes,
        machine.modules,
        machine,
        called,
        machine.raises,
        flags_of(machine),
    )

"""Small scripts, read: what the tests of reading share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dualtrain.reading._place import Place
from dualtrain.reading._program import Program, read_program
from dualtrain.reading._values import DictValue, Instance, Known, ListValue, Origin, Value, plain

COMMAND = "the command"


def reading(folder: Path, text: str, words: str = "", **files: str) -> Program:
    """A script of this text, called with these words; files: others beside it, by module name."""
    for name, other in files.items():
        (folder / f"{name}.py").write_text(other)
    script = folder / "train.py"
    script.write_text(text)
    argv = [
        Known(word, Origin("command line", Place(COMMAND, number)))
        for number, word in enumerate(words.split(), 1)
    ]
    return read_program(script, folder, argv=argv)


def python(value: Value) -> Any:
    """The value as Python has it; an object as the mapping of its attributes."""
    if isinstance(value, Instance):
        return {name: python(one) for name, one in value.cells.items()}
    if isinstance(value, DictValue):
        assert not value.open
        return {name: python(one) for name, one in value.cells.items()}
    if isinstance(value, ListValue):
        items = [python(one) for one in value.values]
        return tuple(items) if value.kind == "tuple" else items
    return plain(value)


def name_of(program: Program, name: str) -> Any:
    """A global name of the script, as Python has it."""
    return python(program.entry.cells[name])

"""The user's code in a trained model's folder: a file each, and module.json, which names the first.

The files lie flat, so that a later run can replace them: `nets/mlp.py` is `module.nets.mlp.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from dualtrain.aside import write_aside
from dualtrain.errors import CheckpointError
from dualtrain.fields import Part
from dualtrain.files import read_bytes, reason
from dualtrain.tasks._record import read_record, write_record
from dualtrain.tasks._task import Text
from dualtrain.tasks.module._code import Code, SourceFile

__all__ = ["FILES", "read_code", "save_code"]

RECORD = "module.json"
FILES = (RECORD, "module.*.py")


class SavedCode(Part):
    """What code there is."""

    module: Text
    """The name of the file that makes the task, as `nets.task`."""
    files: Annotated[tuple[Text, ...], Field(strict=False)]
    """All files, as they were called: `nets/task.py`."""


def save_code(folder: Path, code: Code) -> None:
    """Write what `read_code` reads."""
    for file in code.files:
        with write_aside(folder / _flat(file.name)) as temporary:
            temporary.write_text(file.text, encoding="utf-8", newline="")
    saved = SavedCode(module=code.module, files=tuple(file.name for file in code.files))
    write_record(folder / RECORD, saved)


def read_code(folder: Path) -> Code:
    """The code that was trained. Raises `CheckpointError` for files that are not there."""
    saved = read_record(folder / RECORD, SavedCode)
    code = Code(saved.module, tuple(_read(folder, name) for name in saved.files))
    if code.by_module.get(code.module) is None:
        rule = "the file of its module must be among its files"
        raise CheckpointError(f"{folder / RECORD}: {rule}. Received: {code.module!r}")
    return code


def _flat(name: str) -> str:
    return f"module.{name.replace('/', '.')}"


def _read(folder: Path, name: str) -> SourceFile:
    path = (folder / _flat(name)).absolute()
    try:
        return SourceFile(name, str(path), read_bytes(path).decode())
    except (OSError, UnicodeDecodeError) as error:
        told = reason(error) if isinstance(error, OSError) else str(error)
        rule = f"must be the run's copy of {name}"
        raise CheckpointError(f"{path}: {rule}. Received: {told}") from None

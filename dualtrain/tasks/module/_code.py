"""The user's own files of Python: found by their import statements, none of them run."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.machinery import PathFinder
from importlib.util import decode_source
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dualtrain.errors import DataError
from dualtrain.files import read_bytes, reason

__all__ = ["Code", "SourceFile"]

TAKEN = sys.stdlib_module_names | {"dualtrain", "numpy", "pydantic", "safetensors"}
"""Modules that are imported while own code runs, which finds its own of a name first."""


class SourceFile(NamedTuple):
    """A file of Python as it was read: what is run is what a run keeps."""

    name: str
    """From the folder that imports are looked up in, as `nets/mlp.py`."""
    path: str
    """Where it stands."""
    text: str
    """What it says."""

    @property
    def module(self) -> str:
        """The name by which it is imported, as `nets.mlp`."""
        parts = PurePosixPath(self.name).with_suffix("").parts
        return ".".join(parts[:-1] if self.is_package else parts)

    @property
    def is_package(self) -> bool:
        """Whether it is a package's `__init__.py`."""
        return PurePosixPath(self.name).name == "__init__.py"


@dataclass(frozen=True)
class Code:
    """A file of Python and what it imports of the files beside it, those of its package included.

    What an import statement names is in it, wherever in a file it stands: also what only the other
    framework's model needs.
    """

    module: str
    """The name of the file that makes the task, as `nets.task`."""
    files: tuple[SourceFile, ...]
    """By name."""

    @classmethod
    def of(cls, file: Path) -> Code:
        """Read a file, and all that it imports.

        Imports are looked up in its folder; of a package in the folder that the package is in.
        Raises `DataError` for what is not there, is no Python, or has a name of `TAKEN`.
        """
        file = Path(os.path.abspath(file))  # noqa: PTH100 (a link stays, and `..` goes)
        root, package = file.parent, ""
        while (root / "__init__.py").is_file():
            root, package = root.parent, f"{root.name}.{package}"
        _check_name(file, package.partition(".")[0] or file.stem)
        found: dict[Path, SourceFile] = {}
        waiting = [file, *_files(root, package.rstrip("."))]
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = source = _read(path, root)
                for imported in _imports(source):
                    if _is_own(root, imported, package):
                        waiting += _files(root, imported)
        return cls(found[file].module, tuple(sorted(found.values())))

    @cached_property
    def digests(self) -> dict[str, str]:
        """Name of each file -> digest of what it says, 16 hex digits."""
        digest = hashlib.blake2b
        return {f.name: digest(f.text.encode(), digest_size=8).hexdigest() for f in self.files}

    @cached_property
    def by_module(self) -> dict[str, SourceFile | None]:
        """The name of each module -> its file; of a folder without `__init__.py` there is none."""
        found: dict[str, SourceFile | None] = {}
        for file in self.files:
            parts = file.module.split(".")
            for end in range(1, len(parts)):
                found.setdefault(".".join(parts[:end]), None)
            found[file.module] = file
        return found

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Code:
        """What gave these `facts`."""
        return cls(facts["module"], tuple(SourceFile(*file) for file in facts["files"]))


def _check_name(file: Path, first: str) -> None:
    if first in TAKEN:
        rule = (
            "neither the file nor its package may be called as what Python has or dualtrain needs"
        )
        raise DataError(f"{file}: {rule}. Received: {first!r}")


def _read(path: Path, root: Path) -> SourceFile:
    try:
        text = decode_source(read_bytes(path))
        compile(text, path, "exec", dont_inherit=True)
    except OSError as error:
        rule = "must be a file of Python that can be read"
        raise DataError(f"{path}: {rule}. Received: {reason(error)}") from None
    except SyntaxError as error:
        place = path if error.lineno is None else f"{path}:{error.lineno}"
        received = f"{type(error).__name__}: {error.msg}"
        raise DataError(f"{place}: must be Python. Received: {received}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # bytes that are no text; too deep
        received = f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: must be Python. Received: {received}") from None
    return SourceFile(path.relative_to(root).as_posix(), str(path), text)


def _imports(source: SourceFile) -> Iterator[str]:
    """The names of all modules that its statements may import; `a.b` may be a name in `a`."""
    package = source.module.split(".")
    if not source.is_package:
        package.pop()
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level <= len(package):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *filter(None, [node.module])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files that importing a module runs: its packages', then its own."""
    place = root
    for part in module.split("."):
        place = place / part
        candidates = (place / "__init__.py", place.with_name(f"{part}.py"))
        yield from [file for file in candidates if file.is_file()][:1]


def _is_own(root: Path, module: str, package: str) -> bool:
    """Whether an import means what stands beside the file: not what Python or a library has."""
    first = module.partition(".")[0]
    if first == package.partition(".")[0]:
        return True
    if first in TAKEN or str(root) in sysconfig.get_paths().values():
        return False
    if any(_files(root, first)):
        return True
    installed = PathFinder.find_spec(first)  # a library goes before a folder without __init__.py
    return installed is None or installed.origin is None

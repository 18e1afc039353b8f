"""Own code while it runs: its imports find its own files, its errors are told with their place."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

from dualtrain.errors import DataError, DualtrainError
from dualtrain.printable import printable
from dualtrain.tasks.module._code import Code, SourceFile

__all__ = ["Importer"]


class _Loader(ExecutionLoader):
    """Runs a file as it was read; nothing is written beside it."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source.text

    def get_filename(self, fullname: str) -> str:
        return self._source.path

    def is_package(self, fullname: str) -> bool:
        return self._source.is_package


class Importer(MetaPathFinder):
    """Gives a `Code` its own modules, which no other code of the process sees."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._first = {module.partition(".")[0] for module in code.by_module}
        self._modules: dict[str, ModuleType] = {}
        self._paths = {file.path for file in code.files}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """Of a module that the code has."""
        if fullname not in self.code.by_module:
            return None
        source = self.code.by_module[fullname]
        if source is None:
            return ModuleSpec(fullname, None, is_package=True)
        places: list[str] | None = [] if source.is_package else None
        loader = _Loader(source)
        return spec_from_file_location(
            fullname, source.path, loader=loader, submodule_search_locations=places
        )

    @contextmanager
    def running(self, what: str, place: str | None = None) -> Iterator[None]:
        """The context in which the code runs. What the process has of the same names is hidden in
        it, and there again afterwards.

        what: as a message names it. place: of an error that passes through no line of the code's
        own; None: such an error is none of the code's.

        Raises `DataError` for an error of the code's, with the last line of its own.
        """
        with self._told(what, place):
            if self in sys.meta_path:
                yield
                return
            others = self._taken()
            sys.modules.update(self._modules)
            sys.meta_path.insert(0, self)
            try:
                yield
            finally:
                sys.meta_path.remove(self)
                self._modules = self._taken()
                sys.modules.update(others)

    def _taken(self) -> dict[str, ModuleType]:
        """The modules of its names that Python knows, which it knows no longer."""
        names = [name for name in sys.modules if name.partition(".")[0] in self._first]
        return {name: sys.modules.pop(name) for name in names}

    @contextmanager
    def _told(self, what: str, place: str | None) -> Iterator[None]:
        try:
            yield
        except DualtrainError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > 128:
                raise  # a signal's, which came while the code ran
            frames = traceback.extract_tb(error.__traceback__)
            for frame in frames:
                if frame.filename in self._paths:
                    place = f"{frame.filename}:{frame.lineno}"
            if place is None:
                raise
            rule = _IMPORTS if isinstance(error, ImportError) else "must not fail"
            received = printable(f"{type(error).__name__}: {error}") + f" ({place})"
            raise DataError(f"{what} {rule}. Received: {received}") from error


_IMPORTS = (
    "must import what is installed or, by a statement, what stands in its folder; in a package, a "
    "folder with __init__.py, what is in that or beside it"
)

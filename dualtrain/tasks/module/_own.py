"""The user's object: what a function of own code makes, held to its contract."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import DataError
from dualtrain.files import irregular
from dualtrain.tasks.module._code import Code
from dualtrain.tasks.module._running import Importer

__all__ = ["Own", "load_own", "split_reference"]

REQUIRED, OPTIONAL = ("read", "model"), ("loss", "score", "predict")


def split_reference(reference: str) -> tuple[str, str]:
    """The file and the function of `path.py:function`. Raises `ValueError` for anything else."""
    file, _, function = reference.rpartition(":")
    if not file.endswith(".py") or "." in Path(file).stem or not function.isidentifier():
        rule = "must be path.py:function, a file of Python and what in it makes the task"
        raise ValueError(f"{rule}. Received: {reference!r}")
    return file, function


class Own:
    """The user's object, each of its methods told apart from dualtrain's own faults.

    Raises `DataError`, with the user's file and line, for a method that fails or gives what the
    contract (`docs/tasks.md`) does not allow.
    """

    def __init__(self, found: Any, importer: Importer, reference: str) -> None:
        self._found, self._importer, self._reference = found, importer, reference
        missing = [name for name in REQUIRED if not callable(getattr(found, name, None))]
        if missing:
            rule = f"what it gives must have the methods {' and '.join(REQUIRED)}"
            received = f"a {type(found).__name__} without {' and '.join(missing)}"
            raise DataError(f"{reference}: {rule}. Received: {received}")

    def has(self, name: str) -> bool:
        """Whether it has this method of those that may be left out."""
        return callable(getattr(self._found, name, None))

    def running(self) -> AbstractContextManager[None]:
        """The context for whatever runs its model: see `Importer.running`."""
        return self._importer.running(self._reference)

    def read(self, path: Path) -> dict[str, NDArray[Any]]:
        """The arrays of a data file, by name: the first axis is the samples.

        Floats become float32, whole numbers and booleans int64, as both frameworks take them. The
        file is not read where it may have no end: a folder is the user's matter.
        """
        kind = irregular(path)
        if kind not in (None, "a folder"):
            raise DataError(f"{path}: data must be a file or a folder. Received: {kind}")
        found = self._called("read", path)
        if not isinstance(found, Mapping) or not found:
            raise self._wrong("read", "give a mapping of names to arrays", type(found).__name__)
        with self._running("read"):
            arrays = {str(name): np.asarray(array) for name, array in found.items()}
        for name, array in arrays.items():
            if array.dtype.kind not in "biuf" or array.ndim == 0:
                shown = f"{name}: {array.dtype.name} of shape {array.shape}"
                raise self._wrong("read", "give arrays of numbers, samples first", shown)
        counts = {name: len(array) for name, array in arrays.items()}
        if len(set(counts.values())) > 1 or 0 in counts.values():
            shown = ", ".join(f"{name} of {count}" for name, count in counts.items())
            raise self._wrong("read", "give as many samples in each array, one or more", shown)
        return {name: self._narrowed(name, array) for name, array in arrays.items()}

    def _narrowed(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        kind = np.float32 if array.dtype.kind == "f" else np.int64
        with np.errstate(over="ignore"):
            narrow = array.astype(kind)
        changed = np.isinf(narrow) != np.isinf(array) if kind is np.float32 else narrow != array
        if changed.any():
            rule = f"give numbers that {np.dtype(kind).name} holds"
            raise self._wrong("read", rule, f"{name}: {array[changed][0]}")
        return narrow

    def model(self, backend: str, kind: type[Any]) -> Any:
        """The native model of a framework; kind: the class of all that it has."""
        found = self._called("model", backend)
        if not isinstance(found, kind):
            rule = f"give a native model for {backend!r}, a {kind.__module__}.{kind.__name__}"
            raise self._wrong("model", rule, f"a {type(found).__name__}")
        return found

    def loss(self, output: Any, labels: Any) -> Any:
        """The sum of the losses, a scalar tensor."""
        found = self._called("loss", output, labels)
        shape = getattr(found, "shape", None)
        if shape is None or math.prod(shape) != 1:
            shown = f"a {type(found).__name__}" + ("" if shape is None else f" of {tuple(shape)}")
            raise self._wrong(
                "loss", "give the sum over the samples, a tensor of one number", shown
            )
        return found

    def score(self, output: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        """Metrics of the whole held-out split, `loss` among them."""
        found = self._called("score", output, labels)
        if not isinstance(found, Mapping) or "loss" not in found:
            rule = "give a mapping of metrics by name, loss among them"
            raise self._wrong("score", rule, repr(found))
        scores = {str(name): _plain(value) for name, value in found.items()}
        for name, value in scores.items():
            if not isinstance(value, Real):
                raise self._wrong("score", "give numbers", f"{name}: {value!r}")
        return {name: float(value) for name, value in scores.items()}

    def predict(self, output: NDArray[Any]) -> list[dict[str, Any]]:
        """For each sample of a micro-batch what is predicted, by the names of columns."""
        found = self._called("predict", output)
        with self._running("predict"):
            rows = list(found) if isinstance(found, Iterable) else []
        if len(rows) != len(output) or not all(isinstance(row, Mapping) for row in rows):
            rule = f"give one mapping for each sample, {len(output)}"
            kinds = ", ".join(sorted({type(row).__name__ for row in rows})) or "nothing"
            shown = f"a {type(found).__name__} of {len(rows)}: {kinds}"
            raise self._wrong("predict", rule, shown)
        rows = [{str(name): _plain(cell) for name, cell in row.items()} for row in rows]
        for row in rows:
            if list(row) != list(rows[0]) or "sample" in row or not row:
                rule = "give the same columns for each sample, none of them 'sample'"
                raise self._wrong("predict", rule, f"{[*rows[0]]} and {[*row]}")
            for name, cell in row.items():
                if not isinstance(cell, str | Real | None):
                    raise self._wrong("predict", "give numbers and texts", f"{name}: {cell!r}")
        return rows

    def _called(self, method: str, *arguments: Any) -> Any:
        with self._running(method):
            return getattr(self._found, method)(*arguments)

    def _running(self, method: str) -> AbstractContextManager[None]:
        code = getattr(getattr(self._found, method), "__code__", None)
        place = f"{code.co_filename}:{code.co_firstlineno}" if code else self._reference
        return self._importer.running(f"{self._reference}: {method}", place)

    def _wrong(self, method: str, rule: str, received: str) -> DataError:
        return DataError(f"{self._reference}: {method} must {rule}. Received: {received}")


def _plain(value: Any) -> Any:
    """A number of numpy's, an array of one number included, as Python's own."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.size == 1 else value


@lru_cache(maxsize=8)
def load_own(code: Code, function: str) -> Own:
    """The object that a function of the code's module makes; the same code runs once a process.

    Raises `DataError` for what is not there or fails.
    """
    importer = Importer(code)
    source = code.by_module[code.module]
    assert source is not None, "a module that makes a task has a file"
    with importer.running(source.path, source.path):
        module = import_module(code.module)
    make: Callable[[], Any] | None = getattr(module, function, None)
    reference = f"{source.path}:{function}"
    if not callable(make):
        raise DataError(f"{source.path}: must have a function {function!r}. Received: no such")
    with importer.running(reference, source.path):
        found = make()
    return Own(found, importer, reference)

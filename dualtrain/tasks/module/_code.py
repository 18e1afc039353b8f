"""The user's own code: `path.py:function`, run where a task needs it and nowhere else."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import DataError
from dualtrain.files import irregular

__all__ = ["Own", "load_own", "split_reference"]

REQUIRED, OPTIONAL = ("read", "model"), ("loss", "score", "predict")


def split_reference(reference: str) -> tuple[str, str]:
    """The file and the function of `path.py:function`. Raises `ValueError` for anything else."""
    file, _, function = reference.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        rule = "must be path.py:function, a file of Python and what in it makes the task"
        raise ValueError(f"{rule}. Received: {reference!r}")
    return file, function


class Own:
    """The user's object, each of its methods told apart from dualtrain's own faults.

    Raises `DataError`, with the user's file and line, for a method that fails or gives what the
    contract (`docs/tasks.md`) does not allow.
    """

    def __init__(self, found: Any, path: Path, reference: str) -> None:
        self._found, self._path, self._reference = found, path, reference
        missing = [name for name in REQUIRED if not callable(getattr(found, name, None))]
        if missing:
            rule = f"what it gives must have the methods {' and '.join(REQUIRED)}"
            received = f"a {type(found).__name__} without {' and '.join(missing)}"
            raise DataError(f"{reference}: {rule}. Received: {received}")

    def has(self, name: str) -> bool:
        """Whether it has this method of those that may be left out."""
        return callable(getattr(self._found, name, None))

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
        arrays = {str(name): np.asarray(array) for name, array in found.items()}
        for name, array in arrays.items():
            if array.dtype.kind not in "biuf" or array.ndim == 0:
                shown = f"{name}: {array.dtype.name} of shape {array.shape}"
                raise self._wrong("read", "give arrays of numbers, samples first", shown)
        counts = {name: len(array) for name, array in arrays.items()}
        if len(set(counts.values())) > 1 or 0 in counts.values():
            shown = ", ".join(f"{name} of {count}" for name, count in counts.items())
            raise self._wrong("read", "give as many samples in each array, one or more", shown)
        return {
            name: array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
            for name, array in arrays.items()
        }

    def model(self, backend: str) -> Any:
        """The native model of a framework, `torch` or `paddle`."""
        return self._called("model", backend)

    def loss(self, output: Any, labels: Any) -> Any:
        """The sum of the losses, a scalar tensor."""
        return self._called("loss", output, labels)

    def score(self, output: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        """Metrics of the whole held-out split, `loss` among them."""
        found = self._called("score", output, labels)
        if not isinstance(found, Mapping) or "loss" not in found:
            rule = "give a mapping of metrics by name, loss among them"
            raise self._wrong("score", rule, repr(found))
        return {str(name): float(value) for name, value in found.items()}

    def predict(self, output: NDArray[Any]) -> list[dict[str, Any]]:
        """For each sample of a micro-batch what is predicted, by the names of columns."""
        found = [dict(one) for one in self._called("predict", output)]
        if len(found) != len(output):
            rule = f"give one mapping for each sample, {len(output)}"
            raise self._wrong("predict", rule, str(len(found)))
        return found

    def _called(self, method: str, *arguments: Any) -> Any:
        with _of_the_user(f"{self._reference}: {method}", self._path):
            return getattr(self._found, method)(*arguments)

    def _wrong(self, method: str, rule: str, received: str) -> DataError:
        return DataError(f"{self._reference}: {method} must {rule}. Received: {received}")


@lru_cache
def load_own(path: Path, function: str) -> Own:
    """The object that a function of a file makes; the file is run once a process.

    Raises `DataError` for what is not there or fails.
    """
    reference = f"{path}:{function}"
    spec = importlib.util.spec_from_file_location(f"dualtrain_task_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DataError(f"{path}: must be a file of Python. Received: none such")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pickle and dataclasses look for it
    with _of_the_user(str(path), path):
        spec.loader.exec_module(module)
    make: Callable[[], Any] | None = getattr(module, function, None)
    if not callable(make):
        raise DataError(f"{path}: must have a function {function!r}. Received: no such")
    with _of_the_user(reference, path):
        found = make()
    return Own(found, path, reference)


@contextmanager
def _of_the_user(where: str, path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = next((f for f in reversed(frames) if f.filename == str(path)), frames[-1])
        received = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
        raise DataError(f"{where} must not fail. Received: {received}") from error

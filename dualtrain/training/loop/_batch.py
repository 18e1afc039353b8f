"""One micro-batch as users have it: a mapping or a tuple, of arrays or a framework's tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from dualtrain.backend import backend_names, load_backend
from dualtrain.data import MicroBatch
from dualtrain.errors import DataError

__all__ = ["micro_batch"]

_SHARED = frozenset(
    np.dtype(kind)
    for kind in ("?", "i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8", "complex64", "complex128")
)
"""The types, in the machine's byte order, that torch and Paddle both take for what they are."""


def micro_batch(given: Any, model: Any) -> MicroBatch:
    """The arrays of a micro-batch by name, whatever form it has.

    given: a mapping from the model's inputs to arrays; or a tuple or list, (input, ..., labels) by
        the order of the model's `forward`, or (mapping, labels). A named tuple with `labels` among
        its fields is the mapping that it names. Tensors of any framework stand for arrays: those on
        another device than the CPU are waited for.

    (x, y), for forward(self, input): {"input": x, "labels": y}. Raises `DataError` for what is no
    micro-batch.
    """
    named = given if isinstance(given, Mapping) else _by_name(given, model)
    if not named:
        raise DataError(f"{_RULE}. Received: {type(given).__name__}, empty")
    arrays = {name: v if isinstance(v, np.ndarray) else _array(v) for name, v in named.items()}
    for name, array in arrays.items():
        _check(name, array)
    return arrays


_RULE = (
    "a micro-batch must be a mapping from the model's inputs to arrays, with 'labels' among them, "
    "or a tuple (input, ..., labels)"
)


def _by_name(given: Any, model: Any) -> Mapping[str, Any]:
    if not isinstance(given, (tuple, list)) or not given:
        empty = ", empty" if isinstance(given, (tuple, list)) else ""
        raise DataError(f"{_RULE}. Received: {type(given).__name__}{empty}")
    if "labels" in getattr(given, "_fields", ()):
        return dict(given._asdict())  # type: ignore[union-attr]
    *inputs, last = given
    if len(inputs) == 1 and isinstance(inputs[0], Mapping):
        return {**inputs[0], "labels": last}
    names = _inputs(*_function_of(model.forward))
    if len(inputs) > len(names):
        raise DataError(
            f"{_RULE}; this model's forward names {len(names)} inputs in order: give a mapping. "
            f"Received: {type(given).__name__} of {len(given)}"
        )
    if not inputs:  # a loss of one's own may need no labels
        return dict(zip(names, given, strict=False))
    return {**dict(zip(names, inputs, strict=False)), "labels": last}


def _function_of(method: Any) -> tuple[Callable[..., Any], bool]:
    """What a method of any instance calls, and whether that takes the instance first."""
    function = getattr(method, "__func__", None)
    return (method, False) if function is None else (function, True)


@lru_cache(maxsize=64)
def _inputs(forward: Callable[..., Any], takes_self: bool) -> tuple[str, ...]:
    """The names that `forward` takes in order, but for its own labels."""
    parameters = list(inspect.signature(forward).parameters.values())[takes_self:]
    by_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return tuple(name for name in by_place if name != "labels")


def _array(value: Any) -> Any:
    """The array of a framework's tensor; anything else as it is."""
    kind: Any = type(value)
    backend = _framework(kind)
    return value if backend is None else load_backend(backend).to_array(value)


@lru_cache(maxsize=64)
def _framework(kind: Any) -> str | None:
    """The framework that a type comes from."""
    roots = {cls.__module__.partition(".")[0] for cls in kind.__mro__}
    return next((name for name in backend_names() if name in roots), None)


def _check(name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in _SHARED:
        is_array = isinstance(array, np.ndarray)
        told = f"array of {array.dtype}" if is_array else type(array).__name__
        raise DataError(
            "a micro-batch must hold numpy arrays or tensors of a type that every framework has: "
            "bool, int8 to int64, uint8, float16 to float64 or complex, in the machine's byte "
            "order: numpy.asarray(..., 'int64') for labels. "
            f"Received: {name!r}, {told}"
        )
    if array.size == 0:  # Paddle's Linear fails on it
        raise DataError(
            "a micro-batch must have at least one sample, and an input an entry. "
            f"Received: {name!r} of shape {array.shape}"
        )

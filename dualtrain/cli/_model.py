"""The model that `module:function` names."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

import typer

from dualtrain.backend import Backend, backend_of
from dualtrain.errors import BackendError

__all__ = ["model_of"]

_RULE = "must be module:function, a function without arguments that returns a model"


def model_of(reference: str, hint: str = "--model") -> tuple[Any, Backend]:
    """The model, and the backend that it belongs to.

    reference: a module, from the current folder too, and what in it makes the model: a function, a
    class, or the model itself; `package.module:Class.method` as well. hint: the argument's name.

    Raises `typer.BadParameter` for what is not there, fails or is no model.
    """
    try:
        return _made(reference)
    except typer.BadParameter as error:
        error.param_hint = hint
        raise


def _made(reference: str) -> tuple[Any, Backend]:
    module, colon, path = reference.partition(":")
    if not (module and colon and path):
        raise _bad(f"{_RULE}. Received: {reference!r}")
    target = _imported(module)
    for part in path.split("."):
        if not hasattr(target, part):
            own = ", ".join(map(repr, _makers(target)))
            raise _bad(
                f"{_RULE}. Received: {reference!r}, but {module!r} has no {path!r}"
                + (f"; it has {own}" if own else "")
            )
        target = getattr(target, part)
    backend = _backend(target)
    if backend is None and callable(target):
        try:
            target = target()
        except Exception as error:
            raise _bad(f"{reference!r} failed: {_sentence(error)}") from error
        backend = _backend(target)
    if backend is None:
        raise _bad(f"{_RULE}. Received: {reference!r}, which gives a {type(target).__name__}")
    return target, backend


def _imported(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise _bad(
                f"{_RULE}. Received: the module {name!r}, which is neither in {here} nor installed"
            ) from error
        raise _bad(f"importing {name!r} failed: {_sentence(error)}") from error
    except Exception as error:
        raise _bad(f"importing {name!r} failed: {_sentence(error)}") from error


def _backend(found: Any) -> Backend | None:
    try:
        return backend_of(found)
    except BackendError:
        return None


def _makers(found: Any) -> list[str]:
    """What a module defines that may be meant."""
    return [
        name
        for name, value in vars(found).items()
        if callable(value) and getattr(value, "__module__", "") == getattr(found, "__name__", None)
    ]


def _sentence(error: Exception) -> str:
    """What went wrong in the user's code, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"


def _bad(text: str) -> typer.BadParameter:
    return typer.BadParameter(text)

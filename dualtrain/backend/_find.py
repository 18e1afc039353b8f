"""How a backend is found: entry points of the group `dualtrain.backends`, read once a process.

An entry point's name is the import name of its framework. Nothing is imported before a backend is
asked for.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

from dualtrain.backend._protocol import Backend
from dualtrain.errors import BackendError

__all__ = ["backend_names", "backend_of", "installed", "load_backend"]


def installed(*packages: str) -> dict[str, str]:
    """Package -> version, for those that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


@cache
def _entry_points() -> dict[str, EntryPoint]:
    """Reading them takes 40 ms: the metadata of every installed package."""
    return {point.name: point for point in entry_points(group="dualtrain.backends")}


def backend_names() -> list[str]:
    """The installed backends."""
    return sorted(_entry_points())


def load_backend(name: str) -> Backend:
    """The backend of this name. Raises `BackendError` if it or its framework is not installed."""
    found = _entry_points().get(name)
    if found is None:
        raise BackendError(f"backend must be one of {_choices()}. Received: {name!r}")
    try:
        backend: Backend = found.load()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise  # not the framework: a fault of the backend itself
        raise BackendError(
            f"backend {name!r} needs the package {name!r}, which is not installed here: "
            f"pip install 'dualtrain[{name}]'"
        ) from error
    return backend


def backend_of(native: Any) -> Backend:
    """The backend that a model or an optimizer belongs to, by the package of its base classes."""
    roots = [cls.__module__.partition(".")[0] for cls in type(native).__mro__]
    names = [name for name in backend_names() if name in roots]
    if len(names) != 1:
        raise BackendError(
            f"the backend cannot be told: this must be an object of one of {_choices()}. "
            f"Received: {type(native).__name__}"
        )
    return load_backend(names[0])


def _choices() -> str:
    return ", ".join(map(repr, backend_names()))

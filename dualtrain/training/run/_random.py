"""All that random numbers come from: the frameworks, numpy, Python, a loader's own generators."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import Backend, backend_names, load_backend
from dualtrain.state import Arrays
from dualtrain.training.processes import Processes
from dualtrain.training.run._generators import set_states, states_of

if TYPE_CHECKING:
    from dualtrain.training.run._run import Run

__all__ = ["kept_random", "random_of", "set_random", "share_random"]


def random_of(run: Run) -> dict[str, NDArray[Any]]:
    """The states of now, as arrays that safetensors holds."""
    return _states(run.backend, run.model, run.generators)


def set_random(run: Run, states: Arrays) -> None:
    """Go on from states that `random_of` gave; those that are not there stay."""
    _set(run.backend, run.model, run.generators, states)


def share_random(processes: Processes, model: Any, generators: Sequence[Any] = ()) -> None:
    """Let every process draw what the first one draws from now on."""
    if processes.are_several:
        own = processes.backend
        _set(own, model, generators, processes.told(_states(own, model, generators)))


def _states(own: Backend, model: Any, generators: Sequence[Any]) -> dict[str, NDArray[Any]]:
    _, keys, *place = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "numpy/keys": np.array(keys),
        "numpy/place": np.array(place, np.float64),  # place, whether a normal number waits, it
        "python/internal": np.array(internal, np.int64),
        "python/place": np.array([version, gauss is not None, gauss or 0.0], np.float64),
        **{f"loader/{name}": array for name, array in states_of(generators).items()},
        **{
            f"{backend.NAME}/{name}": array
            for backend in _frameworks(own)
            for name, array in backend.random_states(model).items()
        },
    }


def _set(own: Backend, model: Any, generators: Sequence[Any], states: Arrays) -> None:
    if "numpy/keys" in states:
        at, waits, number = map(float, states["numpy/place"])
        np.random.set_state(("MT19937", states["numpy/keys"], int(at), int(waits), number))
    if "python/internal" in states:
        version, waits, number = map(float, states["python/place"])
        internal = tuple(map(int, states["python/internal"]))
        random.setstate((int(version), internal, number if waits else None))
    set_states(generators, _under("loader", states))
    for backend in _frameworks(own):
        backend.set_random_states(model, _under(backend.NAME, states))


def _under(place: str, states: Arrays) -> Arrays:
    """The states of one place, by their own names."""
    start = f"{place}/"
    return {key[len(start) :]: a for key, a in states.items() if key.startswith(start)}


def _frameworks(own: Backend) -> Iterator[Backend]:
    """The run's, and others that are loaded: a torch loader may feed a Paddle model."""
    yield own
    for name in backend_names():
        if name != own.NAME and name in sys.modules:
            yield load_backend(name)


@contextmanager
def kept_random(run: Run) -> Iterator[None]:
    """A block that may draw random numbers; what comes after it is as if it had drawn none."""
    states = random_of(run)
    try:
        yield
    finally:
        set_random(run, states)

"""All that random numbers come from: the frameworks, numpy, Python, a loader's own generators."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import Backend, backend_names, load_backend
from dualtrain.state import Arrays
from dualtrain.training._generators import set_states, states_of

if TYPE_CHECKING:
    from dualtrain.training._run import Run

__all__ = ["kept_random", "random_of", "set_random"]


def random_of(run: Run) -> dict[str, NDArray[Any]]:
    """The states of now, as arrays that safetensors holds."""
    _, keys, *place = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "numpy/keys": np.array(keys),
        "numpy/place": np.array(place, np.float64),  # place, whether a normal number waits, it
        "python/internal": np.array(internal, np.int64),
        "python/place": np.array([version, gauss is not None, gauss or 0.0], np.float64),
        **{f"loader/{name}": array for name, array in states_of(run.generators).items()},
        **{
            f"{backend.NAME}/{name}": array
            for backend in _frameworks(run)
            for name, array in backend.random_states(run.model).items()
        },
    }


def set_random(run: Run, states: Arrays) -> None:
    """Go on from states that `random_of` gave; those that are not there stay."""
    if "numpy/keys" in states:
        at, waits, number = map(float, states["numpy/place"])
        np.random.set_state(("MT19937", states["numpy/keys"], int(at), int(waits), number))
    if "python/internal" in states:
        version, waits, number = map(float, states["python/place"])
        internal = tuple(map(int, states["python/internal"]))
        random.setstate((int(version), internal, number if waits else None))
    set_states(run.generators, _under("loader", states))
    for backend in _frameworks(run):
        backend.set_random_states(run.model, _under(backend.NAME, states))


def _under(place: str, states: Arrays) -> Arrays:
    """The states of one place, by their own names."""
    start = f"{place}/"
    return {key[len(start) :]: a for key, a in states.items() if key.startswith(start)}


def _frameworks(run: Run) -> Iterator[Backend]:
    """The run's, and others that are loaded: a torch loader may feed a Paddle model."""
    yield run.backend
    for name in backend_names():
        if name != run.backend.NAME and name in sys.modules:
            yield load_backend(name)


@contextmanager
def kept_random(run: Run) -> Iterator[None]:
    """A block that may draw random numbers; what comes after it is as if it had drawn none."""
    states = random_of(run)
    try:
        yield
    finally:
        set_random(run, states)

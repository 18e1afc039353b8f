"""Whether a module normalises, by trial: for one whose class says nothing."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

__all__ = ["normalises", "undisturbed"]

Array = NDArray[np.float32]

_TOLERANCE = 1e-3
"""Of a norm's output. Inputs are of the size of 10, so an epsilon up to 1e-2 moves it by less."""


def normalises(run: Callable[[Array, bool], Array], features: int) -> bool | None:
    """Whether a module's output stays the same when its input is four times as large.

    f(4 x) = f(x) for every norm, whatever it subtracts and divides by, and f is not constant; of a
    layer scale, a gate or a bias f(4 x) is another. run: gives the output for an input of float32,
    in training mode or not, for a batch norm evaluates by its statistics; whatever it raises, that
    input is none for the module. features: C in the inputs that are tried, (N, C), (N, L, C),
    (N, C, L) and (N, C, H, W).

    None where the module takes none of them.
    """
    verdicts = []
    for training in (True, False):
        for shape in ((4, features), (2, 3, features), (2, features, 3), (2, features, 3, 2)):
            x = _waves(shape)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    outputs = [run(i, training) for i in (x, 4 * x, _waves(shape, phase=1.0))]
            except (
                Exception
            ):  # a module of the user's own may fail in any way on what it is not for
                continue
            verdicts.append(_alike(shape, *outputs))
    return any(verdicts) if verdicts else None


def _alike(shape: tuple[int, ...], once: Array, scaled: Array, another: Array) -> bool:
    """Whether the first two are the same and the third is not."""
    if once.shape != shape or not np.isfinite(once).all():
        return False
    allowed = _TOLERANCE * float(np.abs(once).max())
    return _apart(once, scaled) <= allowed < _apart(once, another)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A context after which Python's and numpy's generators are where they were."""
    before, numpy_before = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)


def _waves(shape: tuple[int, ...], *, phase: float = 0.0) -> Array:
    """An input that is the same in every run and alike in no two places.

    Every fifth element is small: what saturates, as tanh does, is told from what normalises.
    """
    at = np.arange(np.prod(shape), dtype=np.float64)
    size = np.where(at % 5 == 2, 0.5, 10.0)
    waves: NDArray[np.float64] = size * np.sin(1.7 * at + np.sqrt(at) + phase)
    return waves.reshape(shape).astype(np.float32)


def _apart(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(np.float64) - b).max()) if a.shape == b.shape else np.inf

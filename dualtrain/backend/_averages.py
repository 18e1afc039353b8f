"""Exponential moving averages of the weights, on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dualtrain.backend._masters import master_of, read_masters
from dualtrain.backend._named import type_of
from dualtrain.backend._verbs import Verbs, parameters_in

__all__ = ["Averages"]


class Averages:
    """An average of each parameter that trains, a tied one once; at first the parameter itself.

    statistics: of each running statistic, too.
    Of a parameter with a master the master is averaged. Kept in float32 at least. No wait for the
    device.
    """

    def __init__(self, verbs: Verbs, model: Any, *, statistics: bool = False) -> None:
        self._verbs = verbs
        self._trained = [f.tensor for f in parameters_in(verbs, model) if f.trains]
        if statistics:
            found = verbs.named_tensors(model)
            self._trained += [f.tensor for f in found if not f.is_parameter]
        self._weights = [master_of(tensor) for tensor in self._trained]
        self._averages = [verbs.cast(w.detach().clone(), _wide(w)) for w in self._weights]

    def update(self, decay: float) -> None:
        """average <- average + (1 - decay) (weight - average).

        Equal to decay average + (1 - decay) weight; written so, a weight that stands still is its
        own average to the bit.
        """
        with self._verbs.inference():
            self._verbs.lerp(self._averages, self._weights, 1.0 - decay)

    def clear(self) -> None:
        """Let them be 0."""
        with self._verbs.inference():
            self._verbs.assign(self._averages, [0 * average for average in self._averages])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averages for weights, until the block is left."""
        with self._verbs.inference():
            read_masters(self._verbs, self._trained)
            weights = [weight.clone() for weight in self._weights]
            self._set(self._averages)
        try:
            yield
        finally:
            with self._verbs.inference():
                self._set(weights)

    def _set(self, values: Sequence[Any]) -> None:
        """Let the weights have these values, masters and the model's own tensors alike."""
        self._verbs.assign(self._weights, values)
        low = [tensor for tensor in self._trained if master_of(tensor) is not tensor]
        self._verbs.assign(low, [master_of(tensor) for tensor in low])


def _wide(tensor: Any) -> str:
    return "float64" if type_of(tensor) == "float64" else "float32"

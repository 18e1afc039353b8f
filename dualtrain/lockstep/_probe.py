"""A state made up from a run's own, in which no step is buried under the rounding of a weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualtrain.state import Arrays, RunState

__all__ = ["probe_state"]


def probe_state(before: RunState, handed: Arrays) -> tuple[RunState, Arrays]:
    """A state and gradients: of each parameter with a gradient, a third of the elements each.

    The first third has a weight of 0, and an average of 0: the step stands alone. The second has a
    gradient of 0, and moments of 0: decay stands alone. The rest is as it was. Which element is in
    which third follows from its place and from its parameter's.

    >>> from dualtrain.state import TensorState
    >>> where = {"t": 0, "attempts": 0, "skipped": 0, "epoch": 0, "micro_batch": 0}
    >>> tensors = TensorState(weights={"w": np.ones(6)})
    >>> state = RunState(backend="torch", rule="sgd", tensors=tensors, **where)
    >>> made_up, gradients = probe_state(state, {"w": np.full(6, 2.0)})
    >>> made_up.tensors.weights["w"], gradients["w"]
    (array([0., 1., 1., 0., 1., 1.]), array([2., 0., 2., 2., 0., 2.]))
    """
    weights = dict(before.tensors.weights)
    kept: dict[str, Arrays] = dict(before.tensors.optimizer)
    averages, gradients = dict(before.averages), dict(handed)
    for offset, name in enumerate(sorted(handed)):
        third = ((np.arange(handed[name].size) + offset) % 3).reshape(handed[name].shape)
        weights[name] = _zero(weights[name], third == 0)
        if name in averages:
            averages[name] = _zero(averages[name], third == 0)
        gradients[name] = _zero(handed[name], third == 1)
        if name in kept:
            kept[name] = _without_moments(kept[name], third == 1)
    tensors = replace(before.tensors, weights=weights, optimizer=kept)
    return replace(before, tensors=tensors, averages=averages), gradients


_NO_MOMENTS = ("momentum_product", "step", "step_size")
"""What a rule keeps that is no average or sum, and is never 0."""


def _without_moments(kept: Arrays, where: NDArray[np.bool_]) -> Mapping[str, NDArray[np.generic]]:
    return {
        what: array if what in _NO_MOMENTS else _zero(array, where) for what, array in kept.items()
    }


def _zero(array: NDArray[np.generic], where: NDArray[np.bool_]) -> NDArray[np.generic]:
    return np.where(where, np.zeros((), array.dtype), array)

"""The gradients of a model, given and taken under canonical names, and its running statistics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend._masters import master_of
from dualtrain.backend._named import NamedTensor
from dualtrain.backend._state import copied
from dualtrain.backend._verbs import Verbs, parameters_in
from dualtrain.state import Arrays

__all__ = ["dumped_gradients", "dumped_statistics", "gradients_used", "take_gradients"]


def dumped_gradients(verbs: Verbs, model: Any) -> dict[str, NDArray[Any]]:
    """What `SharedVerbs.dump_gradients` gives."""
    return {
        f.name: _canonical(verbs, f, master_of(f.tensor).grad)
        for f in parameters_in(verbs, model)
        if master_of(f.tensor).grad is not None
    }


def take_gradients(verbs: Verbs, model: Any, gradients: Arrays) -> None:
    """What `SharedVerbs.load_gradients` does."""
    for f in parameters_in(verbs, model):
        tensor = master_of(f.tensor)
        if f.name not in gradients:
            verbs.drop_gradient(tensor)
            continue
        if tensor.grad is None:
            tensor.grad = tensor.detach().clone()
        verbs.set_array(tensor.grad, f.to_native(gradients[f.name]))


def dumped_statistics(verbs: Verbs, model: Any) -> dict[str, NDArray[Any]]:
    """What `SharedVerbs.dump_statistics` gives."""
    found = (f for f in verbs.named_tensors(model) if not f.is_parameter)
    return {f.name: _canonical(verbs, f, f.tensor) for f in found}


def gradients_used(
    verbs: Verbs, model: Any, used: Iterable[tuple[Any, Any]]
) -> dict[str, NDArray[Any]]:
    """Canonical name -> gradient, of pairs of what an optimizer moves and the gradient it used."""
    found = {id(master_of(f.tensor)): f for f in parameters_in(verbs, model)}
    return {
        found[id(moved)].name: _canonical(verbs, found[id(moved)], gradient)
        for moved, gradient in used
        if gradient is not None
    }


def _canonical(verbs: Verbs, found: NamedTensor, tensor: Any) -> NDArray[Any]:
    return np.array(found.to_canonical(copied(verbs.to_array(tensor))), order="C")

"""What a run's tensors hold, given and taken: the walk, the order and the names.

A backend adds what its optimizers keep, its saved buffers and its random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend._masters import master_of, read_masters
from dualtrain.backend._match import check_weights
from dualtrain.backend._named import NamedTensor
from dualtrain.backend._verbs import Verbs
from dualtrain.state import TensorState

__all__ = ["copied", "dumped_state", "take_state"]


def copied(array: Any) -> NDArray[Any]:
    """A copy of a number or an array of any layout; of float16 as float32, which holds it."""
    copy: NDArray[Any] = np.array(array, order="C")
    return copy.astype(np.float32) if copy.dtype == np.float16 else copy


def dumped_state(verbs: Verbs, model: Any, optimizer: Any) -> TensorState:
    """What `Shared.dump_state` gives."""
    found = list(verbs.named_tensors(model))
    read_masters(verbs, [f.tensor for f in found])
    arrays = ((f, copied(verbs.to_array(master_of(f.tensor)))) for f in found)
    weights = {f.name: np.array(f.to_canonical(array), order="C") for f, array in arrays}
    if optimizer is None:
        return TensorState(weights=weights)
    states, own = verbs.dump_optimizer(optimizer, [f for f in found if f.is_parameter])
    buffers = {key: copied(verbs.to_array(buffer)) for key, buffer in _buffers(verbs, model, found)}
    random = {f"random/{name}": array for name, array in verbs.random_states(model).items()}
    return TensorState(weights=weights, optimizer=states, own={**own, **buffers, **random})


def take_state(verbs: Verbs, model: Any, optimizer: Any, state: TensorState) -> None:
    """What `Shared.load_state` does."""
    found = list(verbs.named_tensors(model))
    check_weights({f.name: f.shape for f in found}, state.weights, or_float64=True)
    for f in found:
        for tensor in (f.tensor, master_of(f.tensor)):
            verbs.set_array(tensor, f.to_native(state.weights[f.name]))
    if optimizer is None:
        return
    verbs.load_optimizer(optimizer, [f for f in found if f.is_parameter], state)
    for key, buffer in _buffers(verbs, model, found):
        if key in state.own:
            verbs.set_array(buffer, state.own[key])
    of_random = {key.partition("/")[2]: a for key, a in state.own.items() if key[:7] == "random/"}
    verbs.set_random_states(model, of_random)


def _buffers(verbs: Verbs, model: Any, found: list[NamedTensor]) -> Iterator[tuple[str, Any]]:
    """Those that are kept with the model and are no running statistics, by their key in a state."""
    known = {id(f.tensor) for f in found}
    for name, buffer in verbs.saved_buffers(model):
        if id(buffer) not in known:
            yield f"buffer/{name}", buffer

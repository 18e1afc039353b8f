"""One model's weights in the other, and whether both then give the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend import kept_modes, logits_of
from dualtrain.errors import TwinsError
from dualtrain.state import TensorState
from dualtrain.twins._map import Given
from dualtrain.twins._pair import pair
from dualtrain.twins._tensors import Model
from dualtrain.twins._twins import Twins

__all__ = ["copy_weights", "twins_of"]

OUTPUTS = 2.0**-13
"""What the outputs may differ by, relatively: rounding alone is 1e-7 to 1e-5, one GELU for the
other (tanh for erf) more than this in a model of one layer."""


def twins_of(source: Any, target: Any, twins: Given | Twins | None = None) -> Twins:
    """How the tensors of two models go together.

    source, target: models of torch or Paddle, in any pairing. twins: a map, in Python or as a
    file's path, `docs/twins.md`; what it does not name goes together by equal names and shapes.

    Raises `TwinsError` where a tensor is left over, or a line of the map is wrong.
    """
    return pair(Model.of(source), Model.of(target), twins)


def copy_weights(
    source: Any,
    target: Any,
    twins: Given | Twins | None = None,
    *,
    check: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> float | None:
    """Give a model the weights and running statistics of its twin, cast to its own types.

    source, target: models of torch or Paddle, in any pairing. twins: as `twins_of` has it; a map
    serves both ways. check: a batch, the models' inputs by name as arrays; both are run on it in
    evaluation mode, on the device on which both lie.

    Returns how far their outputs are apart, |b - a|_2 / |a|_2; None without check.

    Raises `TwinsError` where the two are no twins, before anything is changed; and where the
    outputs differ by more than rounding, after it.
    """
    a, b = Model.of(source), Model.of(target)
    weights = pair(a, b, twins).to_target(a.weights)
    b.backend.load_state(target, None, TensorState(weights=weights))
    return None if check is None else _checked(a, b, check, device)


def _checked(a: Model, b: Model, batch: Mapping[str, Any], device: str) -> float:
    """How far the outputs are apart. Raises `TwinsError` for more than rounding."""
    x, y = (_outputs(model, batch, device) for model in (a, b))
    if x.shape != y.shape:
        raise TwinsError(
            f"twins must give outputs of one shape. Received: {x.shape} of {a}, {y.shape} of {b}"
        )
    apart = float(np.linalg.norm(y - x) / (np.linalg.norm(x) or 1.0))
    if not apart <= OUTPUTS:
        raise TwinsError(
            f"{a} and {b} must give the same from the same weights, up to rounding "
            f"({OUTPUTS:.1e} relative): look for another activation, eps or pooling, or a map that "
            "takes a tensor for another, or its rows in another order (.T, .heads(n)). "
            f"Received: outputs {apart:.2g} apart"
        )
    return apart


def _outputs(model: Model, batch: Mapping[str, Any], device: str) -> NDArray[np.float64]:
    """The logits in evaluation mode; the modes are put back."""
    native, backend = model.native, model.backend
    modes = kept_modes(native, backend.modules(native))
    with modes, backend.inference():
        native.eval()
        tensors = backend.to_device(batch, backend.open_device(device))
        return backend.to_numpy(logits_of(native, tensors)).astype(np.float64)

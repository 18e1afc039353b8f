"""Weights in and out of a Paddle layer: float32 in numpy, canonical names and layouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import paddle
from numpy.typing import NDArray

from dualtrain.model import check_weights, master_of
from dualtrain_paddle.arrays import to_numpy
from dualtrain_paddle.masters import read_master
from dualtrain_paddle.tensors import named_tensors

__all__ = ["dump_weights", "load_weights"]


def load_weights(model: paddle.nn.Layer, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy the arrays into the model, cast to the type of each of its tensors.

    weights: canonical name -> float32 array, for every parameter and running statistic, nothing
    more and nothing less (a tied parameter once). Linear weights are transposed on the way,
    and the heads of a fused query-key-value tensor reordered.

    Raises `CheckpointError` naming every tensor that does not fit, before anything is changed.
    """
    found = list(named_tensors(model))
    check_weights({f.name: f.shape for f in found}, weights)
    for f in found:
        for tensor in (f.tensor, master_of(f.tensor)):
            array = f.to_native(weights[f.name])
            tensor.set_value(paddle.to_tensor(array, dtype=tensor.dtype))


def dump_weights(model: paddle.nn.Layer) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> a copy as float32, for every parameter and running statistic, by name.

    bfloat16 and float16 become float32 exactly; float64 is rounded. At AMP level O2 they are the
    master weights, with what was written into the model since the last update.
    """
    found = sorted(named_tensors(model), key=lambda f: f.name)
    arrays = ((f, to_numpy(read_master(f.tensor))) for f in found)
    return {f.name: np.array(f.to_canonical(a), order="C") for f, a in arrays}

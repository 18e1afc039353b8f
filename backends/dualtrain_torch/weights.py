"""Weights in and out of a torch module: float32 in numpy, canonical names and layouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from dualtrain.model import check_weights, master_of
from dualtrain_torch.arrays import to_numpy
from dualtrain_torch.masters import read_master
from dualtrain_torch.tensors import named_tensors

__all__ = ["dump_weights", "load_weights"]


def load_weights(model: torch.nn.Module, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy the arrays into the model, cast to the type of each of its tensors.

    weights: canonical name -> float32 array, for every parameter and running statistic, nothing
    more and nothing less (a tied parameter once). torch's counter `num_batches_tracked` is neither.

    Raises `CheckpointError` naming every tensor that does not fit, before anything is changed.
    """
    found = list(named_tensors(model))
    check_weights({f.name: f.shape for f in found}, weights)
    with torch.no_grad():
        for f in found:
            for tensor in (f.tensor, master_of(f.tensor)):
                tensor.copy_(torch.tensor(weights[f.name]))
    torch.clear_autocast_cache()  # an open autocast may have cast the others


def dump_weights(model: torch.nn.Module) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> a copy as float32, for every parameter and running statistic, by name.

    bfloat16 and float16 become float32 exactly; float64 is rounded. At AMP level O2 they are the
    master weights, with what was written into the model since the last update.
    """
    found = sorted(named_tensors(model), key=lambda f: f.name)
    return {f.name: to_numpy(read_master(f.tensor)).copy() for f in found}

"""Biases of query, key and value that share one tensor, apart.

The softmax cancels the biases of attention keys: their true gradient is 0, that of the other two is
not. In one tensor the two would hide it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.state import Arrays

__all__ = ["by_part"]

_FUSED = (".c_attn.bias", "in_proj_bias", "qkv.bias", "qkv_proj.bias")
"""One after the other: in GPT-2, in torch's MultiheadAttention, in timm's ViT and Swin, in
FlashAttention's `Wqkv`, in PaddleClas and Phi-3."""


def by_part(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """The arrays, with one for each part of a fused bias: `NAME (query)` and so on.

    >>> list(by_part({"in_proj_bias": np.arange(6), "head.bias": np.zeros(2)}))
    ['in_proj_bias (query)', 'in_proj_bias (key)', 'in_proj_bias (value)', 'head.bias']
    """
    return {
        part: values
        for name, array in arrays.items()
        for part, values in (_parts(name, array) if name.endswith(_FUSED) else [(name, array)])
    }


def _parts(name: str, array: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    for part, values in zip(("query", "key", "value"), np.array_split(array, 3), strict=True):
        yield f"{name} ({part})", values

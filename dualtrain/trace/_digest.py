"""Digests of weights: crc32, 8 hex digits."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["weight_digest", "weights_digest"]


def weight_digest(array: NDArray[np.float32]) -> str:
    """Of one tensor's shape and bytes."""
    start = zlib.crc32(repr(array.shape).encode())
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes(), start):08x}"


def weights_digest(weights: Mapping[str, NDArray[np.float32]]) -> str:
    """Of all tensors with their names, in whatever order they come."""
    lines = (f"{name} {weight_digest(array)}" for name, array in sorted(weights.items()))
    return f"{zlib.crc32(chr(10).join(lines).encode()):08x}"

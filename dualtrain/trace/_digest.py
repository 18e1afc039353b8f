"""Digests: of weights crc32, 8 hex digits; of files what the task has them by."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["differing_files", "weight_digest", "weights_digest"]


def weight_digest(array: NDArray[np.float32]) -> str:
    """Of one tensor's shape and bytes."""
    start = zlib.crc32(repr(array.shape).encode())
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes(), start):08x}"


def weights_digest(weights: Mapping[str, NDArray[np.float32]]) -> str:
    """Of all tensors with their names, in whatever order they come."""
    lines = (f"{name} {weight_digest(array)}" for name, array in sorted(weights.items()))
    return f"{zlib.crc32(chr(10).join(lines).encode()):08x}"


def differing_files(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """The names under which two sides' digests are not the same; none where a side tells of none.

    >>> differing_files({"task.py": "0a"}, {"task.py": "0a", "net.py": "1b"})
    ['net.py']
    """
    names = a.keys() | b.keys() if a and b else ()
    return sorted(name for name in names if a.get(name) != b.get(name))

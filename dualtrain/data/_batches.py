"""Micro-batches: the same arrays, in the same order, for both frameworks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from dualtrain.data._order import permutation
from dualtrain.data._prepared import MicroBatch, PreparedData

__all__ = ["EpochBatches", "batch_count", "batch_digest", "batches_of_epoch", "held_out_batches"]


def batch_count(samples: int, size: int) -> int:
    """Micro-batches in one pass: ceil(samples / size)."""
    return -(-samples // size)


@dataclass(frozen=True, eq=False)
class EpochBatches(Sequence[MicroBatch]):
    """The micro-batches of one pass over a split, each made when it is asked for.

    Micro-batch i has the samples indices[i * size:(i + 1) * size]; the last one may be short.
    """

    data: PreparedData[Any]
    split: Any
    """One of the data's splits."""
    indices: NDArray[np.int64]
    """Samples in the order of this epoch; shape (n,)."""
    size: int
    """Samples per micro-batch."""

    def __len__(self) -> int:
        return batch_count(len(self.indices), self.size)

    @overload
    def __getitem__(self, index: int) -> MicroBatch: ...
    @overload
    def __getitem__(self, index: slice) -> list[MicroBatch]: ...
    def __getitem__(self, index: int | slice) -> MicroBatch | list[MicroBatch]:
        start = range(0, len(self.indices), self.size)[index]
        return [self._at(s) for s in start] if isinstance(start, range) else self._at(start)

    def _at(self, start: int) -> MicroBatch:
        return self.data.batch(self.split, self.indices[start : start + self.size])


def batches_of_epoch(
    data: PreparedData[Any], *, seed: int, size: int
) -> Callable[[int], EpochBatches]:
    """A function from epoch (from 0) to the train split's micro-batches, shuffled by the seed."""

    def of(epoch: int) -> EpochBatches:
        order = permutation(seed, epoch, len(data.train))
        return EpochBatches(data, data.train, order, size)

    return of


def held_out_batches(data: PreparedData[Any], *, size: int) -> EpochBatches | None:
    """The held-out split's micro-batches, in the order of its file; None without such a split."""
    if data.eval is None:
        return None
    return EpochBatches(data, data.eval, np.arange(len(data.eval)), size)


def batch_digest(batch: Mapping[str, NDArray[Any]]) -> str:
    """8 hex digits, CRC-32 over the arrays' names, types, shapes and little-endian bytes."""
    crc = 0
    for name in sorted(batch):
        array = np.asarray(batch[name])
        type_name, little = _type_of(array.dtype)
        crc = zlib.crc32(f"{name} {type_name} {array.shape}".encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(array, little).data, crc)
    return f"{crc:08x}"


@cache
def _type_of(dtype: np.dtype[Any]) -> tuple[str, np.dtype[Any]]:
    """A type's name, which numpy spells anew each time, and the same in little-endian order."""
    return dtype.name, dtype.newbyteorder("<")

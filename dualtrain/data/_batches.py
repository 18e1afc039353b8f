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
from dualtrain.data._prepared import Prepared, Split
from dualtrain.errors import Problem, SpecError
from dualtrain.spec import Spec

__all__ = [
    "Batch",
    "EpochBatches",
    "batch_count",
    "batch_digest",
    "batches_of_epoch",
    "collate",
    "held_out_batches",
]

Batch = dict[str, NDArray[np.int64]]
"""A micro-batch's arrays by name: `input_ids`, `token_type_ids`, `attention_mask`, `labels`."""


def batch_count(samples: int, size: int) -> int:
    """Micro-batches in one pass: ceil(samples / size)."""
    return -(-samples // size)


@dataclass(frozen=True, eq=False)
class EpochBatches(Sequence[Batch]):
    """The micro-batches of one pass over a split, each made when it is asked for.

    Micro-batch i has the samples indices[i * size:(i + 1) * size]; the last one may be short.
    """

    split: Split
    indices: NDArray[np.int64]
    """Samples in the order of this epoch; shape (n,)."""
    size: int
    """Samples per micro-batch."""
    pad_id: int

    def __len__(self) -> int:
        return batch_count(len(self.indices), self.size)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        start = range(0, len(self.indices), self.size)[index]
        return [self._at(s) for s in start] if isinstance(start, range) else self._at(start)

    def _at(self, start: int) -> Batch:
        return collate(self.split, self.indices[start : start + self.size], self.pad_id)


def batches_of_epoch(spec: Spec, data: Prepared) -> Callable[[int], EpochBatches]:
    """A function from epoch (from 0) to the train split's micro-batches, shuffled by the seed.

    Raises `SpecError` if the spec has no batch.size.
    """
    size = _size(spec)

    def of(epoch: int) -> EpochBatches:
        order = permutation(spec.seed, epoch, len(data.train))
        return EpochBatches(data.train, order, size, data.pad_id)

    return of


def held_out_batches(spec: Spec, data: Prepared) -> EpochBatches | None:
    """The held-out split's micro-batches, in the order of its file; None if there is no such split.

    Raises `SpecError` if the spec has no batch.size.
    """
    if data.eval is None:
        return None
    return EpochBatches(data.eval, np.arange(len(data.eval)), _size(spec), data.pad_id)


def _size(spec: Spec) -> int:
    if spec.batch.size is None:
        problem = Problem(where="batch.size", rule="is needed for batches", received="nothing")
        raise SpecError((problem,))
    return spec.batch.size


def collate(split: Split, indices: NDArray[np.int64], pad_id: int) -> Batch:
    """The samples `indices` (at least one) as one micro-batch, padded to its longest.

    `labels` has shape (samples,), the others (samples, longest); `attention_mask` is 1 on tokens
    and 0 on padding, `token_type_ids` 0. All int64, which both frameworks take as indices.
    """
    starts = split.offsets[indices]
    lengths = split.offsets[indices + 1] - starts
    steps = np.arange(lengths.max())
    mask = steps < lengths[:, None]
    positions = np.where(mask, starts[:, None] + steps, 0)
    input_ids = np.where(mask, split.ids[positions], pad_id).astype(np.int64)
    return {
        "input_ids": input_ids,
        "token_type_ids": np.zeros_like(input_ids),
        "attention_mask": mask.astype(np.int64),
        "labels": split.labels[indices],
    }


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

"""The arrays that the user's own code reads, as both frameworks see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch, PreparedData, Split
from dualtrain.tasks.module._code import Code

__all__ = ["ArraySplit", "PreparedArrays"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySplit(Split):
    """The samples of one split: arrays by name, the first axis of each is the samples."""

    arrays: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        """These samples of each array."""
        return {name: array[indices] for name, array in self.arrays.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedArrays(PreparedData[ArraySplit]):
    """The data of a task of the user's own."""

    SPLIT: ClassVar[type[ArraySplit]] = ArraySplit
    NAMED: ClassVar[str] = "names"

    names: tuple[str, ...]
    """Of the arrays."""
    own: Mapping[str, Any]
    """`Code.facts` of the user's code, as it was when it read them."""

    @cached_property
    def source(self) -> Code:
        """The user's code."""
        return Code.from_facts(self.own)

    @property
    def code(self) -> Mapping[str, str]:
        """Of each of the user's files."""
        return self.source.digests

    def batch(self, split: ArraySplit, indices: NDArray[np.int64]) -> MicroBatch:
        """These samples of each array."""
        return split.batch(indices)

    @classmethod
    def _split(cls, arrays: dict[str, NDArray[Any]], name: str) -> ArraySplit:
        own = {key: array for key, array in arrays.items() if key.startswith(f"{name}.")}
        return ArraySplit(arrays={key.removeprefix(f"{name}."): a for key, a in own.items()})

    def _arrays(self) -> dict[str, NDArray[Any]]:
        splits = {"train": self.train, **({} if self.eval is None else {"eval": self.eval})}
        return {
            f"{name}.{key}": split.arrays[key]
            for name, split in splits.items()
            for key in self.names
        }

"""Predictions by the user's own code, a copy of which the saved folder has."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch
from dualtrain.errors import CheckpointError
from dualtrain.tasks._predictor import Prediction, Predictor, Samples
from dualtrain.tasks.module._config import ModuleConfig
from dualtrain.tasks.module._own import Own, load_own
from dualtrain.tasks.module._prepared import ArraySplit
from dualtrain.tasks.module._saved import read_code

__all__ = ["OwnPredictor"]


class OwnPredictor(Predictor):
    """What `predict` of the user's object makes of the model's output."""

    def __init__(self, folder: Path, function: str) -> None:
        self._own = load_own(read_code(folder), function)
        if not self._own.has("predict"):
            rule = "the object must have the method predict(output), to predict"
            raise CheckpointError(f"{folder}: {function}: {rule}. Received: none")
        self.config = ModuleConfig(build=self._own.model)

    def running(self) -> AbstractContextManager[None]:
        """That of the user's code."""
        return self._own.running()

    def read(self, file: Path) -> Samples:
        """What `read` of the user's object gives; `labels` are not looked at."""
        arrays = self._own.read(file)
        arrays.pop("labels", None)
        return _Samples(split=ArraySplit(arrays=arrays), own=self._own)


@dataclass(frozen=True, kw_only=True)
class _Samples(Samples):
    split: ArraySplit
    own: Own

    def __len__(self) -> int:
        return len(self.split)

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        return self.split.batch(indices)

    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """`sample`, its place from 0, and what the user's object tells of it."""
        found = self.own.predict(output)
        return [{"sample": int(i), **one} for i, one in zip(indices, found, strict=True)]

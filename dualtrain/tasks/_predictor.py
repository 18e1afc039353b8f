"""What predicts: a trained model's folder, read for samples whose answers nobody knows yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch
from dualtrain.tasks._model import ModelConfig

__all__ = ["Prediction", "Predictor", "Samples", "on_lines"]

Prediction = Mapping[str, Any]
"""What is predicted, by the names of columns: first where in the file it is for, as `line`."""


class Samples(ABC):
    """The samples of one data file, in its order."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        """The samples of these numbers, at least one, as the model's inputs."""

    @abstractmethod
    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """What is predicted for these samples, by the model's output for their batch."""


class Predictor(ABC):
    """What a task makes of a folder that its `save` wrote."""

    config: ModelConfig
    """What the model is built from."""

    def running(self) -> AbstractContextManager[None]:
        """The context in which the model runs."""
        return nullcontext()

    @abstractmethod
    def read(self, file: Path) -> Samples:
        """The inputs of a data file; answers may be there, and are not looked at.

        Raises `DataError` for what cannot be used.
        """


def on_lines(
    lines: Sequence[int], indices: NDArray[np.int64], found: Iterable[Mapping[str, Any]]
) -> list[Prediction]:
    """One prediction for each of the samples `indices`; lines: where every sample begins."""
    return [{"line": lines[i], **one} for i, one in zip(indices, found, strict=True)]

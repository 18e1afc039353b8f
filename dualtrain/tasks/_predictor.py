"""What predicts: a trained model's folder, read for samples whose answers nobody knows yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch
from dualtrain.tasks._model import ModelConfig

__all__ = ["Predictor", "Samples"]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples of one data file, in its order."""

    lines: Sequence[int]
    """Where each stands in the file, counted from 1."""
    batch: Callable[[NDArray[np.int64]], MicroBatch]
    """The samples of these numbers, at least one, as the model's inputs."""

    def __len__(self) -> int:
        return len(self.lines)


class Predictor(ABC):
    """What a task makes of a folder that its `save` wrote."""

    config: ModelConfig
    """What the model is built from."""

    @abstractmethod
    def read(self, file: Path) -> Samples:
        """The inputs of a data file; answers may be there, and are not looked at.

        Raises `DataError` for what cannot be used.
        """

    @abstractmethod
    def predictions(self, output: NDArray[np.float32]) -> list[Mapping[str, Any]]:
        """For each sample of a micro-batch what is predicted, by the names of columns."""

"""regression.json: what a saved model computes, beside its weights; and predictions by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dualtrain.data import Column, MicroBatch, read_table
from dualtrain.fields import Count, Part
from dualtrain.tasks._predictor import Prediction, Predictor, Samples, on_lines
from dualtrain.tasks._record import read_record, write_record
from dualtrain.tasks._task import Text
from dualtrain.tasks.regression._config import MlpConfig
from dualtrain.tasks.regression._prepared import PreparedNumbers, standardised
from dualtrain.tasks.regression._words import Activation

__all__ = ["DESCRIPTION", "NumberPredictor", "save"]

DESCRIPTION = "regression.json"


class Scale(Part):
    """A column, and how it becomes what the model takes: (number - mean) / deviation."""

    name: Text
    """Of the column."""
    mean: float
    """0 where nothing is standardised."""
    deviation: Annotated[float, Field(gt=0)]
    """1 where nothing is standardised."""


class Description(Part):
    """The layers, and how columns become what the model takes and gives."""

    hidden: Annotated[tuple[Count, ...], Field(strict=False)]
    """Width of each hidden layer."""
    activation: Activation
    """After each hidden layer."""
    features: Annotated[tuple[Scale, ...], Field(strict=False, min_length=1)]
    """What the model is given, in order."""
    target: Scale
    """What it predicts."""


def save(folder: Path, config: MlpConfig, data: PreparedNumbers) -> None:
    """Write regression.json."""
    *features, target = (
        Scale(name=name, mean=mean, deviation=deviation)
        for name, mean, deviation in zip(data.names, data.means, data.deviations, strict=True)
    )
    described = Description(
        hidden=config.hidden, activation=config.activation, features=tuple(features), target=target
    )
    write_record(folder / DESCRIPTION, described)


class NumberPredictor(Predictor):
    """Predicts numbers, in the target's own unit."""

    def __init__(self, folder: Path) -> None:
        self._said = said = read_record(folder / DESCRIPTION, Description)
        self.config = MlpConfig(
            inputs=len(said.features), hidden=said.hidden, activation=said.activation
        )

    def read(self, file: Path) -> Samples:
        """The columns of the features."""
        scales = self._said.features
        table = read_table(file, [Column(one.name, "number") for one in scales])
        features = standardised(
            table, [one.name for one in scales], [(one.mean, one.deviation) for one in scales]
        )
        return _Numbers(lines=table.lines, features=features, target=self._said.target)


@dataclass(frozen=True, kw_only=True)
class _Numbers(Samples):
    lines: Sequence[int]
    features: NDArray[np.float32]
    target: Scale

    def __len__(self) -> int:
        return len(self.lines)

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        return {"features": self.features[indices]}

    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """`prediction`: the model's number times the target's deviation, plus its mean."""
        numbers = output[:, 0].astype(np.float64) * self.target.deviation + self.target.mean
        return on_lines(self.lines, indices, ({"prediction": float(one)} for one in numbers))

"""Regression on a table: columns of numbers in, one number out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from dualtrain.data import MicroBatch
from dualtrain.errors import DataError
from dualtrain.fields import by_name, distinct
from dualtrain.tasks._model import ParameterLike
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import SampleLoss, Task, Text
from dualtrain.tasks.regression._config import MlpConfig, initial_weights
from dualtrain.tasks.regression._prepared import NumberSplit, PreparedNumbers, prepare
from dualtrain.tasks.regression._saved import DESCRIPTION, NumberPredictor, save
from dualtrain.tasks.regression._words import Mlp

__all__ = ["Regression"]


def _squared_errors(output: Any, labels: Any) -> Any:
    difference = output[..., 0] - labels
    return (difference * difference).sum()


class Regression(Task):
    """Numbers and one number to predict from them, from CSV, TSV or JSON Lines files in UTF-8.

    The loss is the squared error, summed over the samples; `batch.normalise` says what the sum is
    divided by.
    """

    name: Literal["regression"]
    """The kind of task."""
    features: Annotated[
        tuple[Text, ...], Field(strict=False, min_length=1), AfterValidator(distinct)
    ]
    """Names of the columns with the numbers that the model is given."""
    target: Text
    """Name of the column with the number to predict."""
    standardise: bool = True
    """`true`: each column, the target's too, becomes (number - mean) / standard deviation, both of
    the train split. `false`: numbers are taken as they stand."""
    model: Mlp
    """A multilayer perceptron."""

    loss: ClassVar[SampleLoss | None] = SampleLoss(
        name="squared error", total=_squared_errors, count=lambda batch: len(batch["labels"])
    )
    measures: ClassVar[tuple[str, ...] | None] = ("loss", "mae", "r2")
    files: ClassVar[tuple[str, ...]] = (DESCRIPTION,)
    cures: ClassVar[Mapping[str, str]] = by_name(
        {
            "write target: VALUE": "label label_column y",
            "write standardise: VALUE": "normalise normalize standardize",
            "write model: {hidden: VALUE}": "hidden",
        }
    )
    excluded: ClassVar[Mapping[str, str]] = {
        "loss": "a regression has the squared error, and no words for it"
    }

    @field_validator("target")
    @classmethod
    def _target_is_no_feature(cls, target: str, info: ValidationInfo) -> str:
        if target in info.data.get("features", ()):
            raise ValueError("must not be one of the features")
        return target

    def read(self, folder: Path) -> NumberSplit:
        """The train split, after both have been read."""
        return self.prepare(folder).train

    def prepare(self, folder: Path) -> PreparedNumbers:
        """Numbers in float32, the features before the target."""
        return prepare(
            folder / self.train,
            None if self.eval is None else folder / self.eval,
            (*self.features, self.target),
            standardise=self.standardise,
        )

    def load(self, folder: Path) -> PreparedNumbers:
        """The same, prepared before."""
        return PreparedNumbers.load(folder)

    def config(self, folder: Path, data: PreparedNumbers | None = None) -> MlpConfig:
        """The perceptron; it does not depend on the data."""
        return MlpConfig(
            inputs=len(self.features), hidden=self.model.hidden, activation=self.model.activation
        )

    def initial_weights(
        self, folder: Path, config: MlpConfig, parameters: Sequence[ParameterLike], *, seed: int
    ) -> dict[str, NDArray[np.float32]]:
        """Fresh ones."""
        return initial_weights(parameters, seed=seed)

    def score(
        self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: PreparedNumbers
    ) -> Score:
        """Mean squared error of the numbers as they are trained on; `mae` in the target's own unit;
        `r2`, the share of the target's variance that is explained, where it has any."""
        predicted, wanted = [], []
        for output, batch in outputs:
            if output.shape != (len(batch["labels"]), 1):
                raise DataError(
                    f"the model's output must have the shape (samples, 1), "
                    f"{(len(batch['labels']), 1)}. Received: {output.shape}"
                )
            predicted.append(output[:, 0].astype(np.float64))
            wanted.append(batch["labels"].astype(np.float64))
        errors, targets = np.concatenate(predicted), np.concatenate(wanted)
        errors -= targets
        variance = float(targets.var())
        loss = float((errors * errors).mean())
        metrics = {"mae": float(abs(errors).mean()) * data.deviations[-1]}
        if variance:
            metrics["r2"] = 1 - loss / variance
        return Score(examples=len(targets), loss=loss, metrics=metrics)

    def randomness(self) -> str | None:
        """Nothing: the model has no dropout."""
        return None

    def without_randomness(self) -> Regression:
        """As it is."""
        return self

    def save(self, folder: Path, config: MlpConfig, data: PreparedNumbers) -> None:
        """regression.json: the layers, and how columns become what the model takes and gives."""
        save(folder, config, data)

    def predictor(self, folder: Path) -> NumberPredictor:
        """By regression.json."""
        return NumberPredictor(folder)

"""images.json: what a saved model computes, beside its weights; and predictions by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dualtrain.data import MicroBatch, refusal
from dualtrain.fields import Count, Part
from dualtrain.tasks._classes import class_predictions
from dualtrain.tasks._predictor import Prediction, Predictor, Samples
from dualtrain.tasks._record import read_record, write_record
from dualtrain.tasks._task import Text
from dualtrain.tasks.image_classification._config import config_of
from dualtrain.tasks.image_classification._images import read_images
from dualtrain.tasks.image_classification._prepared import PreparedImages, scaled
from dualtrain.tasks.image_classification._words import AnyModel, Cnn, Vit

__all__ = ["DESCRIPTION", "ImagePredictor", "save"]

DESCRIPTION = "images.json"


class Channel(Part):
    """How a channel becomes what the model takes: (pixel - mean) / deviation; of uint8 a 255th."""

    mean: float
    """0 where nothing is standardised."""
    deviation: Annotated[float, Field(gt=0)]
    """1 where nothing is standardised."""


class Description(Part):
    """The model, what it takes and what it gives."""

    model: AnyModel
    """Its words, as the spec has them."""
    channels: Annotated[tuple[Channel, ...], Field(strict=False, min_length=1)]
    """Of an image."""
    height: Count
    """In pixels."""
    width: Count
    """In pixels."""
    classes: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    """Label of each class number."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return len(self.channels), self.height, self.width


def save(folder: Path, model: Cnn | Vit, data: PreparedImages) -> None:
    """Write images.json."""
    _, height, width = data.shape
    described = Description(
        model=model,
        channels=tuple(
            Channel(mean=mean, deviation=deviation)
            for mean, deviation in zip(data.means, data.deviations, strict=True)
        ),
        height=height,
        width=width,
        classes=data.classes,
    )
    write_record(folder / DESCRIPTION, described)


class ImagePredictor(Predictor):
    """Predicts the class of an image; images: the name of the array."""

    def __init__(self, folder: Path, *, images: str) -> None:
        self._images = images
        self._said = said = read_record(folder / DESCRIPTION, Description)
        self.config = config_of(said.model, shape=said.shape, classes=len(said.classes))

    def read(self, file: Path) -> Samples:
        """The images of a file, of the shape that the model was trained on."""
        said, table = self._said, read_images(file, images=self._images, labels=None)
        if table.shape != said.shape:
            raise refusal(
                f"must have images of the (channels, height, width) of training, {said.shape}",
                path=file,
                received=str(table.shape),
            )
        means, deviations = zip(*((c.mean, c.deviation) for c in said.channels), strict=True)
        return _Images(pixels=scaled(table.pixels, means, deviations), classes=said.classes)


@dataclass(frozen=True, kw_only=True)
class _Images(Samples):
    pixels: NDArray[np.float32]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        return {"images": self.pixels[indices]}

    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """`image`, its place from 0; `prediction`, the likeliest class; its `probability`."""
        found = class_predictions(output, self.classes)
        return [{"image": int(i), **one} for i, one in zip(indices, found, strict=True)]

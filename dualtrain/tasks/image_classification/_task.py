"""Image classification: an image in, one of several classes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch, refusal
from dualtrain.fields import by_name
from dualtrain.printable import shown
from dualtrain.tasks._classes import score_classes
from dualtrain.tasks._model import ParameterLike, fresh_weights
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import Task, Text
from dualtrain.tasks.image_classification._config import (
    CnnConfig,
    VitConfig,
    config_of,
)
from dualtrain.tasks.image_classification._images import Images, classes_of, read_images
from dualtrain.tasks.image_classification._prepared import PreparedImages, prepare, scale_of
from dualtrain.tasks.image_classification._saved import DESCRIPTION, ImagePredictor, save
from dualtrain.tasks.image_classification._words import AnyModel, Vit

__all__ = ["ImageClassification"]


class ImageClassification(Task):
    """Images of one size and a label each, from .npz files, as `numpy.savez` writes them.

    Images are uint8, which becomes 0 to 1, or floats as they stand; their array has the shape
    (images, height, width) or (images, height, width, channels). Labels are whole numbers or texts;
    the classes are the train split's, numbers by their value, texts by code point.
    """

    name: Literal["image_classification"]
    """The kind of task."""
    images: Text = "images"
    """Name of the array with the images."""
    labels: Text = "labels"
    """Name of the array with the labels."""
    standardise: bool = True
    """`true`: each channel becomes (pixel - mean) / standard deviation, both of the train split."""
    model: AnyModel
    """A convolutional network (`name: cnn`) or a vision transformer (`name: vit`)."""

    measures: ClassVar[tuple[str, ...] | None] = ("loss", "accuracy")
    files: ClassVar[tuple[str, ...]] = (DESCRIPTION,)
    has_batch_norm: ClassVar[bool] = True
    cures: ClassVar[Mapping[str, str]] = by_name(
        {
            "write images: VALUE": "image image_column pixels",
            "write labels: VALUE": "label label_column targets",
            "write standardise: VALUE": "normalise normalize standardize",
        }
    )
    excluded: ClassVar[Mapping[str, str]] = {
        "loss.shift_labels": "an image has one label, which cannot be shifted"
    }

    def read(self, folder: Path) -> Images:
        """The train split, after both have been read."""
        train = self._read(folder)[0]
        scale_of(train, standardise=self.standardise)
        return train

    def _read(self, folder: Path) -> tuple[Images, Images | None, tuple[str, ...]]:
        train = read_images(folder / self.train, images=self.images, labels=self.labels)
        classes = classes_of(train, self.labels)
        if isinstance(self.model, Vit):
            _check_patches(train, self.model.patch_size)
        if self.eval is None:
            return train, None, classes
        held_out = read_images(folder / self.eval, images=self.images, labels=self.labels)
        if held_out.shape != train.shape:
            raise refusal(
                f"must have images of the train split's (channels, height, width), {train.shape}",
                path=held_out.path,
                received=str(held_out.shape),
            )
        for label in map(str, held_out.labels.tolist()):
            if label not in classes:
                raise refusal(
                    f"must be one of the train split's classes, {shown(classes)}",
                    path=held_out.path,
                    column=self.labels,
                    received=shown(label),
                )
        return train, held_out, classes

    def prepare(self, folder: Path) -> PreparedImages:
        """Numbers in float32, channels first."""
        return prepare(*self._read(folder), standardise=self.standardise)

    def load(self, folder: Path) -> PreparedImages:
        """The same, prepared before."""
        return PreparedImages.load(folder)

    def config(self, folder: Path, data: PreparedImages | None = None) -> CnnConfig | VitConfig:
        """The model; without data for two classes and one patch in one channel."""
        side = self.model.patch_size if isinstance(self.model, Vit) else 1
        shape = (1, side, side) if data is None else data.shape
        return config_of(self.model, shape=shape, classes=len(data.classes) if data else 2)

    def initial_weights(
        self,
        folder: Path,
        config: CnnConfig | VitConfig,
        parameters: Sequence[ParameterLike],
        *,
        seed: int,
    ) -> dict[str, NDArray[np.float32]]:
        """Fresh ones."""
        return fresh_weights(parameters, seed=seed)

    def score(
        self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: PreparedImages
    ) -> Score:
        """Right answers and mean cross-entropy."""
        return score_classes(outputs, classes=len(data.classes), samples="images")

    def randomness(self) -> str | None:
        """Dropout."""
        return f"dropout {self.model.dropout:g}" if self.model.dropout else None

    def without_randomness(self) -> ImageClassification:
        """With dropout 0."""
        return self.model_copy(update={"model": self.model.model_copy(update={"dropout": 0.0})})

    def notes(self, config: CnnConfig | VitConfig) -> list[str]:
        """That there is no dropout."""
        return [] if config.dropout else ["dropout is 0: masks cannot match across frameworks"]

    def save(self, folder: Path, config: CnnConfig | VitConfig, data: PreparedImages) -> None:
        """images.json: the model, and how pixels become what it takes."""
        save(folder, self.model, data)

    def predictor(self, folder: Path) -> ImagePredictor:
        """By images.json."""
        return ImagePredictor(folder, images=self.images)


def _check_patches(train: Images, side: int) -> None:
    _, height, width = train.shape
    if height % side or width % side:
        raise refusal(
            f"must have images whose height and width task.model.patch_size divides, {side}",
            path=train.path,
            received=f"{height} x {width}",
        )

"""Images as both frameworks see them: numbers in float32, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch, PreparedData, Split, refusal
from dualtrain.tasks.image_classification._images import Images

__all__ = ["ImageSplit", "PreparedImages", "prepare", "scale_of", "scaled"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSplit(Split):
    """The images of one split."""

    images: NDArray[np.float32]
    """Shape (images, channels, height, width)."""
    labels: NDArray[np.int64]
    """Class numbers; shape (images,)."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedImages(PreparedData[ImageSplit]):
    """The data of an image classification: (pixel - mean) / deviation of each channel."""

    SPLIT: ClassVar[type[ImageSplit]] = ImageSplit
    NAMED: ClassVar[str] = "classes"

    classes: tuple[str, ...]
    """Label of each class number."""
    means: tuple[float, ...]
    """Of each channel in the train split; 0 where nothing is standardised."""
    deviations: tuple[float, ...]
    """Standard deviation of each channel in the train split; 1 where nothing is standardised."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    def batch(self, split: ImageSplit, indices: NDArray[np.int64]) -> MicroBatch:
        """`images` of shape (images, channels, height, width), `labels` of shape (images,)."""
        return {"images": split.images[indices], "labels": split.labels[indices]}


def scale_of(train: Images, *, standardise: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel; 0 and 1 where nothing is standardised.

    Raises `DataError` for a channel that cannot be standardised, since its pixels are equal.
    """
    channels = train.pixels.shape[1]
    if not standardise:
        return (0.0,) * channels, (1.0,) * channels
    pixels = train.pixels.astype(np.float64)
    deviations = pixels.std(axis=(0, 2, 3))
    equal = (deviations == 0) | (np.ptp(pixels, axis=(0, 2, 3)) == 0)
    if equal.any():
        raise refusal(
            "must have pixels that differ, in every channel, to be standardised: write "
            "standardise: false",
            path=train.path,
            received=f"channel {equal.argmax() + 1}, of one value",
        )
    return tuple(pixels.mean(axis=(0, 2, 3)).tolist()), tuple(deviations.tolist())


def prepare(
    train: Images, held_out: Images | None, classes: tuple[str, ...], *, standardise: bool
) -> PreparedImages:
    """Both files as the model takes them, by the train split's scale; raises as `scale_of`."""
    means, deviations = scale_of(train, standardise=standardise)

    def split(table: Images) -> ImageSplit:
        number = {label: i for i, label in enumerate(classes)}
        labels = np.array([number[str(label)] for label in table.labels], np.int64)
        return ImageSplit(images=scaled(table.pixels, means, deviations), labels=labels)

    return PreparedImages(
        classes=classes,
        means=means,
        deviations=deviations,
        train=split(train),
        eval=None if held_out is None else split(held_out),
    )


def scaled(
    pixels: NDArray[np.float32], means: Sequence[float], deviations: Sequence[float]
) -> NDArray[np.float32]:
    """(pixel - mean) / deviation of each channel."""
    mean, deviation = (np.array(one)[:, None, None] for one in (means, deviations))
    found: NDArray[np.float32] = ((pixels - mean) / deviation).astype(np.float32)
    return found

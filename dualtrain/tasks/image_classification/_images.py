"""A file of images and their labels: arrays of a .npz file."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import Column, refusal
from dualtrain.errors import DataError
from dualtrain.files import read_bytes, reason
from dualtrain.printable import shown

__all__ = ["Images", "classes_of", "read_images"]


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of one file, in its order."""

    path: Path
    pixels: NDArray[np.float32]
    """Shape (images, channels, height, width); of uint8 a 255th."""
    labels: NDArray[Any]
    """Whole numbers or texts, shape (images,); none where only images were asked for."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width


def read_images(path: Path, *, images: str, labels: str | None) -> Images:
    """The arrays of a .npz file by these names.

    images: uint8, or float32 or float64 that are finite; shape (images, height, width), or
    (images, height, width, channels). labels: whole numbers or texts, as many; None: the images
    alone.

    Raises `DataError` for anything else; nothing is unpickled.
    """
    names = [images] if labels is None else [images, labels]
    arrays = _arrays(path, names)
    pixels = _pixels(arrays[images], path, images)
    if labels is None:
        return Images(path=path, pixels=pixels, labels=np.array([], str))
    found = arrays[labels]
    if found.dtype.kind not in "iuU" or found.shape != (len(pixels),):
        raise refusal(
            f"must be whole numbers or texts, one for each of the {len(pixels)} images",
            path=path,
            column=labels,
            received=_described(found),
        )
    return Images(path=path, pixels=pixels, labels=found)


def classes_of(train: Images, column: str) -> tuple[str, ...]:
    """The labels of the train split: numbers by their value, texts by code point.

    Raises `DataError` for one class alone, and for a text that is no name of one.
    """
    classes = tuple(map(str, np.unique(train.labels).tolist()))
    for one in classes:
        Column(column, "name").check(one, path=train.path)
    if len(classes) < 2:
        raise refusal(
            "must have two classes or more",
            path=train.path,
            column=column,
            received=f"only {shown(', '.join(classes))}",
        )
    return classes


def _arrays(path: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    if path.suffix.lower() != ".npz":
        raise refusal("must end in .npz", path=path, received=shown(path.suffix))
    try:
        content = read_bytes(path)
    except OSError as error:
        rule = "must be a file that can be read"
        raise refusal(rule, path=path, received=reason(error)) from None
    try:
        with np.load(BytesIO(content), allow_pickle=False) as opened:
            missing = next((name for name in names if name not in opened), None)
            if missing is None:
                found = {name: opened[name] for name in names}
                if all(isinstance(one, np.ndarray) for one in found.values()):
                    return found
                raise ValueError  # the bytes of a member that is no array
            there = ", ".join(map(shown, opened)) or "no array"
    except Exception as error:  # of numpy, zipfile and what unpacks, dozens for a damaged file
        rule = "must be what numpy.savez writes, of numbers and texts alone"
        raise refusal(rule, path=path, received=_what(content, error)) from None
    raise refusal(f"must have an array {shown(missing)}", path=path, received=there)


def _what(content: bytes, error: Exception) -> str:
    """What it is instead; numpy's own words are about Python."""
    if not is_zipfile(BytesIO(content)):
        return "a file of another kind"
    return "an array of objects" if "allow_pickle" in str(error) else "a damaged file"


def _pixels(found: NDArray[Any], path: Path, name: str) -> NDArray[np.float32]:
    def wrong(rule: str, received: str) -> DataError:
        return refusal(rule, path=path, column=name, received=received)

    if found.ndim not in (3, 4) or not found.size:
        raise wrong(
            "must have the shape (images, height, width) or (images, height, width, channels)",
            _described(found),
        )
    if found.dtype not in (np.uint8, np.float32, np.float64):
        raise wrong("must be of uint8, float32 or float64", found.dtype.name)
    with np.errstate(over="ignore"):
        pixels = found.astype(np.float32)
    if found.dtype == np.uint8:
        pixels /= 255
    elif not np.isfinite(pixels).all():
        raise wrong("must be finite, in float32", "a number that is not")
    if found.ndim == 3:
        return pixels[:, None]
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def _described(found: NDArray[Any]) -> str:
    return f"{found.dtype.name} of shape {found.shape}"

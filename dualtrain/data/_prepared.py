"""Prepared data: arrays and facts, and the folder they are kept in.

Both frameworks train from this; loading it needs numpy and safetensors, nothing else. A task's own
kind of it is a dataclass: its splits are arrays, its other fields are facts that JSON can hold.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.aside import save_arrays
from dualtrain.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["MicroBatch", "PreparedData", "Split"]

MicroBatch = Mapping[str, NDArray[Any]]
"""A micro-batch's arrays by name: the model's inputs, and `labels`."""

ARRAYS = "prepared.safetensors"
FACTS = "prepared.json"
FORMAT = 2


class Split(ABC):
    """The samples of one split; a dataclass whose fields are arrays."""

    @abstractmethod
    def __len__(self) -> int:
        """How many samples it has."""


S = TypeVar("S", bound=Split)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedData(ABC, Generic[S]):
    """A task's data as both frameworks see it."""

    SPLIT: ClassVar[type[Any]]
    """What its splits are."""
    NAMED: ClassVar[str]
    """The fact that counts for the digest, beside all arrays."""

    train: S
    """What the model is trained on."""
    eval: S | None
    """The held-out split."""

    @property
    def code(self) -> Mapping[str, str]:
        """Digest of each of the user's own files that the task runs, by its name; none of most."""
        return {}

    @abstractmethod
    def batch(self, split: S, indices: NDArray[np.int64]) -> MicroBatch:
        """The samples `indices` (at least one) of a split as one micro-batch."""

    @cached_property
    def digest(self) -> str:
        """32 hex digits over the arrays and what they are named: equal data, equal digest."""
        named = json.dumps(getattr(self, self.NAMED))
        found = hashlib.blake2b(named.encode(), digest_size=16)
        for name, array in self._arrays().items():
            found.update(f"{name} {array.dtype.name} {array.shape}".encode())
            found.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Write the data as a new folder, which appears complete or not at all.

        Raises `DataError` if there is something at `folder` already.
        """
        if folder.exists():
            raise DataError(f"prepared data goes into a new folder. Received: {folder}")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
            fresh = Path(aside) / folder.name
            fresh.mkdir()
            save_arrays(fresh / ARRAYS, self._arrays())
            facts = {
                "format": FORMAT,
                "digest": self.digest,
                **{name: getattr(self, name) for name in self._facts()},
            }
            (fresh / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
            fresh.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The data that `save` wrote.

        Raises `DataError` if it is not there, of another format, or not what was written.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                raise DataError(
                    f"{folder}: prepared data must be of format {FORMAT}. "
                    f"Received: format {facts['format']!r}"
                )
            arrays = load_file(folder / ARRAYS)
            data = cls(
                train=cls._split(arrays, "train"),
                eval=cls._split(arrays, "eval")
                if any(name.startswith("eval.") for name in arrays)
                else None,
                **{name: _fact(facts[name]) for name in cls._facts()},
            )
            digest = facts["digest"]
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DataError(
                f"{folder}: must hold prepared data, {FACTS} and {ARRAYS}. "
                f"Received: {type(error).__name__}: {error}"
            ) from None
        if data.digest != digest:
            raise DataError(
                f"{folder}: prepared data must have the digest it was written with, {digest}. "
                f"Received: {data.digest}"
            )
        return data

    @classmethod
    def _facts(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name not in ("train", "eval")]

    @classmethod
    def _split(cls, arrays: dict[str, NDArray[Any]], name: str) -> Any:
        return cls.SPLIT(**{f.name: arrays[f"{name}.{f.name}"] for f in fields(cls.SPLIT)})

    def _arrays(self) -> dict[str, NDArray[Any]]:
        splits = {"train": self.train, **({"eval": self.eval} if self.eval is not None else {})}
        return {
            f"{name}.{part.name}": getattr(split, part.name)
            for name, split in splits.items()
            for part in fields(self.SPLIT)
        }


def _fact(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

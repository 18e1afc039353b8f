"""Prepared data: token ids and class numbers in flat arrays, and the folder they are kept in.

Both frameworks train from this; loading it needs numpy and safetensors, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.errors import DataError

__all__ = ["Prepared", "Split"]

ARRAYS = "prepared.safetensors"
FACTS = "prepared.json"
FORMAT = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The samples of one split, one after the other."""

    ids: NDArray[np.int32]
    """Token ids of all samples, special tokens included; shape (offsets[-1],)."""
    offsets: NDArray[np.int64]
    """Sample i is ids[offsets[i]:offsets[i + 1]]; shape (samples + 1,)."""
    labels: NDArray[np.int64]
    """Class numbers; shape (samples,)."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A task's data as both frameworks see it."""

    classes: tuple[str, ...]
    """Label of each class number: sorted by code point, or in the order of a checkpoint's head."""
    vocab_size: int
    """Rows of the word embedding; every id is below it."""
    pad_id: int
    """Token that fills a batch up."""
    tokenizer: str
    """The content of tokenizer.json, without truncation and padding."""
    tokenizer_config: str
    """The content of tokenizer_config.json, by which transformers reads the other as it stands."""
    train: Split
    """What the model is trained on."""
    eval: Split | None
    """The held-out split."""

    @cached_property
    def digest(self) -> str:
        """32 hex digits over ids, offsets, labels and classes: equal data, equal digest."""
        found = hashlib.blake2b(json.dumps(self.classes).encode(), digest_size=16)
        for name, array in self._arrays().items():
            found.update(f"{name} {array.dtype.name} {array.shape}".encode())
            found.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Write the data as a new folder, which appears complete or not at all.

        Raises `DataError` if there is something at `folder` already.
        """
        from safetensors.numpy import save_file

        if folder.exists():
            raise DataError(f"prepared data goes into a new folder. Received: {folder}")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
            fresh = Path(aside) / folder.name
            fresh.mkdir()
            save_file(self._arrays(), fresh / ARRAYS)
            (fresh / FACTS).write_text(json.dumps(self._facts(), indent=1), encoding="utf-8")
            fresh.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> Prepared:
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
            found = cls(
                classes=tuple(facts["classes"]),
                vocab_size=facts["vocab_size"],
                pad_id=facts["pad_id"],
                tokenizer=facts["tokenizer"],
                tokenizer_config=facts["tokenizer_config"],
                train=_split(arrays, "train"),
                eval=_split(arrays, "eval") if "eval.ids" in arrays else None,
            )
            written = facts["digest"]
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DataError(
                f"{folder}: must hold prepared data, {FACTS} and {ARRAYS}. "
                f"Received: {type(error).__name__}: {error}"
            ) from None
        if found.digest != written:
            raise DataError(
                f"{folder}: prepared data must have the digest it was written with, {written}. "
                f"Received: {found.digest}"
            )
        return found

    def _arrays(self) -> dict[str, NDArray[Any]]:
        splits = {"train": self.train, **({"eval": self.eval} if self.eval is not None else {})}
        return {
            f"{name}.{part}": getattr(split, part)
            for name, split in splits.items()
            for part in ("ids", "offsets", "labels")
        }

    def _facts(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "digest": self.digest,
            "classes": self.classes,
            "vocab_size": self.vocab_size,
            "pad_id": self.pad_id,
            "tokenizer": self.tokenizer,
            "tokenizer_config": self.tokenizer_config,
        }


def _split(arrays: dict[str, NDArray[Any]], name: str) -> Split:
    return Split(
        ids=arrays[f"{name}.ids"],
        offsets=arrays[f"{name}.offsets"],
        labels=arrays[f"{name}.labels"],
    )

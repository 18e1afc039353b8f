"""Texts as both frameworks see them: token ids and class numbers in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch, PreparedData, Split

__all__ = ["PreparedTexts", "TextSplit", "Tokens", "collate"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """Samples, one after the other."""

    ids: NDArray[np.int32]
    """Token ids of all samples, special tokens included; shape (offsets[-1],)."""
    types: NDArray[np.int8]
    """Token type of each: 0, and 1 in the second text of a pair where the tokenizer says so."""
    offsets: NDArray[np.int64]
    """Sample i is ids[offsets[i]:offsets[i + 1]]; shape (samples + 1,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TextSplit(Tokens, Split):
    """The samples of one split."""

    labels: NDArray[np.int64]
    """Class numbers; shape (samples,)."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedTexts(PreparedData[TextSplit]):
    """The data of a text classification."""

    SPLIT: ClassVar[type[TextSplit]] = TextSplit
    NAMED: ClassVar[str] = "classes"

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

    def batch(self, split: TextSplit, indices: NDArray[np.int64]) -> MicroBatch:
        """The samples `indices` (at least one), padded to the longest of them."""
        return {**collate(split, indices, self.pad_id), "labels": split.labels[indices]}


def collate(split: Tokens, indices: NDArray[np.int64], pad_id: int) -> MicroBatch:
    """The samples `indices` (at least one) as one micro-batch, padded to its longest.

    All have the shape (samples, longest); `attention_mask` is 1 on tokens
    and 0 on padding, `token_type_ids` 0 there. All int64, which both frameworks take as indices.
    """
    starts = split.offsets[indices]
    lengths = split.offsets[indices + 1] - starts
    steps = np.arange(lengths.max())
    mask = steps < lengths[:, None]
    positions = np.where(mask, starts[:, None] + steps, 0)
    input_ids = np.where(mask, split.ids[positions], pad_id).astype(np.int64)
    return {
        "input_ids": input_ids,
        "token_type_ids": np.where(mask, split.types[positions], 0).astype(np.int64),
        "attention_mask": mask.astype(np.int64),
    }

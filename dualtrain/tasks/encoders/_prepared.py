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

    def places(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where in `ids` the tokens of these samples are, and where there is one.

        Both of shape (samples, longest): 0 and False behind the end of a shorter sample.
        """
        starts = self.offsets[indices]
        lengths = self.offsets[indices + 1] - starts
        steps = np.arange(lengths.max())
        there = steps < lengths[:, None]
        return np.where(there, starts[:, None] + steps, 0), there


@dataclass(frozen=True, kw_only=True, eq=False)
class TextSplit(Tokens, Split):
    """The samples of one split."""

    labels: NDArray[np.int64]
    """Class numbers; shape (samples,)."""

    def __len__(self) -> int:
        return len(self.labels)

    def labels_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The labels of these samples, as a micro-batch has them."""
        return self.labels[indices]


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedTexts(PreparedData[TextSplit]):
    """Texts for an encoder, and their labels."""

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
        return {**collate(split, indices, self.pad_id), "labels": split.labels_of(indices)}


def collate(tokens: Tokens, indices: NDArray[np.int64], pad_id: int) -> MicroBatch:
    """The samples `indices` (at least one) as the model's inputs, padded to the longest of them.

    All have the shape (samples, longest); `attention_mask` is 1 on tokens and 0 on padding,
    `token_type_ids` 0 there. All int64, which both frameworks take as indices.
    """
    places, there = tokens.places(indices)
    return {
        "input_ids": np.where(there, tokens.ids[places], pad_id).astype(np.int64),
        "token_type_ids": np.where(there, tokens.types[places], 0).astype(np.int64),
        "attention_mask": there.astype(np.int64),
    }

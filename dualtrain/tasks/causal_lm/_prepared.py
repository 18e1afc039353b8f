"""Texts as both frameworks see them: one row of tokens, cut into blocks of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import (
    Column,
    MicroBatch,
    PreparedData,
    Split,
    read_table,
    read_utf8,
    refusal,
)
from dualtrain.extras import needed_for
from dualtrain.tasks._classes import NO_TARGET
from dualtrain.tasks.causal_lm._saved import END

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BlockSplit", "PreparedBlocks", "Texts", "prepare", "read_texts"]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts of one file."""

    path: Path
    texts: list[str]
    lines: list[int]
    """The line each text begins on, counted from 1."""


def read_texts(path: Path, column: str | None) -> Texts:
    """A .txt file as one text, or the texts of a column of a table.

    Raises `DataError` for a table without `column`, and for a .txt file with one.
    """
    if path.suffix.lower() != ".txt":
        if column is None:
            rule = "must be a .txt file, or task.text must name a table's column of texts"
            raise refusal(rule, path=path, received=repr(path.suffix))
        table = read_table(path, [Column(column, "text")])
        return Texts(path=path, texts=table.cells[0], lines=table.lines)
    if column is not None:
        rule = "a .txt file is one text and has no columns: leave task.text out"
        raise refusal(rule, path=path, received=repr(column))
    return Texts(path=path, texts=[read_utf8(path)], lines=[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockSplit(Split):
    """The blocks of one split."""

    ids: NDArray[np.int32]
    """Shape (blocks, tokens)."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedBlocks(PreparedData[BlockSplit]):
    """The data of a causal language model."""

    SPLIT: ClassVar[type[BlockSplit]] = BlockSplit
    NAMED: ClassVar[str] = "tokenizer"

    vocab_size: int
    """Rows of the word embedding."""
    tokenizer: str
    """The content of tokenizer.json."""

    def batch(self, split: BlockSplit, indices: NDArray[np.int64]) -> MicroBatch:
        """`input_ids` and `labels` of shape (blocks, tokens): a label is the next token, and the
        last token has none."""
        ids = split.ids[indices].astype(np.int64)
        labels = np.full_like(ids, NO_TARGET)
        labels[:, :-1] = ids[:, 1:]
        return {"input_ids": ids, "labels": labels}


def prepare(
    train: Texts, held_out: Texts | None, *, vocab_size: int, max_length: int
) -> PreparedBlocks:
    """Learn the tokenizer from the train split, and pack both into blocks of `max_length` tokens.

    Raises `DataError` for a split of fewer tokens than one block has, `ExtraError` without the
    package tokenizers.
    """
    with needed_for("a task on texts needs"):
        from dualtrain.tasks.causal_lm._tokenizer import train_bpe
    tokenizer = train_bpe(train.texts, vocab_size=vocab_size)
    return PreparedBlocks(
        vocab_size=tokenizer.get_vocab_size(),
        tokenizer=tokenizer.to_str(),
        train=_split(tokenizer, train, max_length),
        eval=None if held_out is None else _split(tokenizer, held_out, max_length),
    )


def _split(tokenizer: Tokenizer, texts: Texts, length: int) -> BlockSplit:
    end = tokenizer.token_to_id(END)
    row = _row([one.ids for one in tokenizer.encode_batch(texts.texts)], end)
    blocks = len(row) // length
    if not blocks:
        rule = f"must have the tokens of one block or more, task.model.max_length {length}"
        raise refusal(rule, path=texts.path, received=str(len(row)))
    return BlockSplit(ids=row[: blocks * length].reshape(blocks, length))


def _row(encoded: Sequence[list[int]], end: int) -> NDArray[np.int32]:
    return np.array([token for ids in encoded for token in [*ids, end]], np.int32)

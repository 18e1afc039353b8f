"""From a spec to prepared data: read the tables, number the classes, cut the texts into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dualtrain.data._prepared import Prepared, Split
from dualtrain.data._refusal import refusal, shown
from dualtrain.data._tables import Table, read_table
from dualtrain.errors import CheckpointError, Problem, SpecError
from dualtrain.model import read_checkpoint_config
from dualtrain.spec import CheckpointModel, FreshModel, Spec, TextClassification

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["prepare", "read_splits"]


def prepare(spec: Spec) -> Prepared:
    """Read and tokenize the data of the spec's task.

    The classes are the train split's labels, sorted by code point ("10" comes before "2"). A fresh
    model's tokenizer is learnt from the train split alone.

    Raises `SpecError` without a task, `DataError` for a data file, `CheckpointError` for a
    checkpoint's tokenizer.
    """
    task = _task(spec)
    train, held_out, classes = read_splits(spec)
    tokenizer, vocab_size, pad_id = _tokenizer(task.model, spec.folder, train, len(classes))
    written = tokenizer.to_str()
    tokenizer.enable_truncation(task.model.max_length)
    splits = [_split(tokenizer, table, classes, vocab_size) for table in (train, held_out) if table]
    return Prepared(
        classes=classes,
        vocab_size=vocab_size,
        pad_id=pad_id,
        tokenizer=written,
        train=splits[0],
        eval=splits[1] if held_out is not None else None,
    )


def read_splits(spec: Spec) -> tuple[Table, Table | None, tuple[str, ...]]:
    """The task's train split, its held-out split if it has one, and the classes.

    All that is refused about data files is refused here, before anything is tokenized.
    """
    task = _task(spec)
    train = read_table(spec.folder / task.train, text=task.text, label=task.label)
    held_out = (
        read_table(spec.folder / task.eval, text=task.text, label=task.label)
        if task.eval is not None
        else None
    )
    classes = _classes(train, task.label)
    if held_out is not None:
        _check_labels(held_out, task.label, classes)
    return train, held_out, classes


def _task(spec: Spec) -> TextClassification:
    if spec.task is None:
        raise SpecError((Problem(where="task", rule="is needed for data", received="nothing"),))
    return spec.task


def _classes(train: Table, column: str) -> tuple[str, ...]:
    classes = set(train.labels)
    if len(classes) < 2:
        raise refusal(
            "must have two classes or more",
            path=train.path,
            column=column,
            received=f"only {shown(train.labels[0])}",
        )
    return tuple(sorted(classes))


def _check_labels(table: Table, column: str, classes: Sequence[str]) -> None:
    known = set(classes)
    for line, label in zip(table.lines, table.labels, strict=True):
        if label not in known:
            raise refusal(
                f"must be one of the train split's classes, {shown(classes)}",
                path=table.path,
                line=line,
                column=column,
                received=shown(label),
            )


def _tokenizer(
    model: FreshModel | CheckpointModel, folder: Path, train: Table, classes: int
) -> tuple[Tokenizer, int, int]:
    """The tokenizer, the vocabulary's size and the pad id that the model is built with."""
    # Here, because a worker that only loads prepared data need not have tokenizers.
    from dualtrain.data._checkpoint_tokenizer import load_tokenizer
    from dualtrain.data._wordpiece import PAD, train_wordpiece

    if isinstance(model, FreshModel):
        tokenizer = train_wordpiece(train.texts, vocab_size=model.vocab_size)
        return tokenizer, tokenizer.get_vocab_size(), tokenizer.token_to_id(PAD)
    checkpoint = folder / model.path
    config = read_checkpoint_config(checkpoint, classes=classes, dropout=None)
    if model.max_length > config.max_length:
        raise CheckpointError(
            f"{checkpoint}: task.model.max_length must be at most the checkpoint's, "
            f"{config.max_length}. Received: {model.max_length}"
        )
    return load_tokenizer(checkpoint, pad_id=config.pad_id), config.vocab_size, config.pad_id


def _split(tokenizer: Tokenizer, table: Table, classes: Sequence[str], vocab_size: int) -> Split:
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(table.texts)]
    for line, ids in zip(table.lines, encoded, strict=True):
        if max(ids) >= vocab_size:
            raise CheckpointError(
                f"{table.path}:{line}: every token id must be below config.json's vocab_size, "
                f"{vocab_size}. Received: {max(ids)}, {tokenizer.id_to_token(max(ids))!r}"
            )
    number = {label: i for i, label in enumerate(classes)}
    return Split(
        ids=np.array([token for ids in encoded for token in ids], np.int32),
        offsets=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        labels=np.array([number[label] for label in table.labels], np.int64),
    )

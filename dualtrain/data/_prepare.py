"""From a spec to prepared data: read the tables, number the classes, cut the texts into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dualtrain.data._classes import check_labels, classes_of
from dualtrain.data._prepared import Prepared, Split
from dualtrain.data._tables import Table, read_table
from dualtrain.errors import CheckpointError, Problem, SpecError
from dualtrain.extras import needed_for
from dualtrain.model import class_order, read_checkpoint_config
from dualtrain.spec import CheckpointModel, FreshModel, Spec, TextClassification

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["prepare", "read_splits"]


def prepare(spec: Spec) -> Prepared:
    """Read and tokenize the data of the spec's task.

    The classes are the train split's labels, sorted by code point ("10" comes before "2"), or in
    the order of the rows of a checkpoint's classification head. A fresh model's tokenizer is learnt
    from the train split alone.

    Raises `SpecError` without a task, `DataError` for a data file, `CheckpointError` for a
    checkpoint's tokenizer, or for a head that is not for these classes, `ExtraError` without the
    package tokenizers.
    """
    task = _task(spec)
    train, held_out, classes = read_splits(spec)
    with needed_for("a task on texts needs"):
        import tokenizers  # noqa: F401
    if isinstance(task.model, CheckpointModel):
        reading = _of_checkpoint(task.model, spec.folder / task.model.path, len(classes))
        classes = class_order(spec.folder / task.model.path, classes, head=task.model.head).classes
    else:
        reading = _learnt(task.model, train)
    tokenizer, vocab_size = reading.tokenizer, reading.vocab_size
    written = tokenizer.to_str()
    tokenizer.enable_truncation(task.model.max_length)
    splits = [_split(tokenizer, table, classes, vocab_size) for table in (train, held_out) if table]
    return Prepared(
        classes=classes,
        vocab_size=vocab_size,
        pad_id=reading.pad_id,
        tokenizer=written,
        tokenizer_config=reading.config,
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
    classes = classes_of(train, task.label)
    if held_out is not None:
        check_labels(held_out, task.label, classes)
    return train, held_out, classes


def _task(spec: Spec) -> TextClassification:
    if spec.task is None:
        raise SpecError((Problem(where="task", rule="is needed for data", received="nothing"),))
    return spec.task


class _Reading(NamedTuple):
    """How texts become token ids, and what the model is built with."""

    tokenizer: Tokenizer
    config: str
    """The content of tokenizer_config.json."""
    vocab_size: int
    pad_id: int


# The imports stand in the functions, because a worker that only loads prepared data need not have
# tokenizers.


def _learnt(model: FreshModel, train: Table) -> _Reading:
    from dualtrain.data._tokenizer_config import tokenizer_config
    from dualtrain.data._wordpiece import NAMES, PAD, train_wordpiece

    tokenizer = train_wordpiece(train.texts, vocab_size=model.vocab_size)
    config = tokenizer_config(tokenizer, special=NAMES, max_length=model.max_length)
    return _Reading(tokenizer, config, tokenizer.get_vocab_size(), tokenizer.token_to_id(PAD))


def _of_checkpoint(model: CheckpointModel, folder: Path, classes: int) -> _Reading:
    from dualtrain.data._checkpoint_tokenizer import load_tokenizer
    from dualtrain.data._tokenizer_config import tokenizer_config
    from dualtrain.data._tokenizer_settings import content, read_settings

    config = read_checkpoint_config(folder, classes=classes, dropout=None)
    if model.max_length > config.max_length:
        raise CheckpointError(
            f"{folder}: task.model.max_length must be at most the checkpoint's, "
            f"{config.max_length}. Received: {model.max_length}"
        )
    settings = read_settings(folder)
    tokenizer = load_tokenizer(settings, pad_id=config.pad_id)
    written = tokenizer_config(
        tokenizer,
        special={name: content(token) for name, token in settings.special.items()},
        additional=[content(token) for token in settings.additional],
        max_length=model.max_length,
    )
    return _Reading(tokenizer, written, config.vocab_size, config.pad_id)


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

"""From files to prepared data: read the tables, number the classes, cut the texts into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dualtrain.extras import needed_for
from dualtrain.tasks.text_classification._classes import check_labels, classes_of
from dualtrain.tasks.text_classification._prepared import PreparedTexts, TextSplit
from dualtrain.tasks.text_classification._texts import Texts, read_texts
from dualtrain.tasks.text_classification._words import CheckpointModel, FreshModel
from dualtrain.tasks.text_classification.checkpoint import (
    class_order,
    read_checkpoint_config,
    refusal,
)
from dualtrain.tasks.text_classification.saved import tokenizer_config

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Rows", "prepare", "read_rows"]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What the files hold."""

    train: Texts
    held_out: Texts | None
    classes: tuple[str, ...]
    """The train split's labels, sorted by code point ("10" comes before "2")."""

    def __len__(self) -> int:
        return len(self.train.texts)


def read_rows(train: Path, held_out: Path | None, *, text: str, label: str) -> Rows:
    """Both splits and the classes.

    All that is refused about data files is refused here, before anything is tokenized.
    """
    rows = read_texts(train, text=text, label=label)
    others = None if held_out is None else read_texts(held_out, text=text, label=label)
    classes = classes_of(rows, label)
    if others is not None:
        check_labels(others, label, classes)
    return Rows(train=rows, held_out=others, classes=classes)


def prepare(rows: Rows, model: FreshModel | CheckpointModel, folder: Path) -> PreparedTexts:
    """Tokenize the rows.

    The classes keep their order, or have that of the rows of a checkpoint's classification head. A
    fresh model's tokenizer is learnt from the train split alone.

    Raises `CheckpointError` for a checkpoint's tokenizer, or for a head that is not for these
    classes, `ExtraError` without the package tokenizers.
    """
    with needed_for("a task on texts needs"):
        import tokenizers  # noqa: F401
    classes = rows.classes
    if isinstance(model, CheckpointModel):
        reading = _of_checkpoint(model, folder / model.path, len(classes))
        classes = class_order(folder / model.path, classes, head=model.head).classes
    else:
        reading = _learnt(model, rows.train)
    tokenizer, vocab_size = reading.tokenizer, reading.vocab_size
    written = tokenizer.to_str()
    tokenizer.enable_truncation(model.max_length)
    held_out = rows.held_out
    return PreparedTexts(
        classes=classes,
        vocab_size=vocab_size,
        pad_id=reading.pad_id,
        tokenizer=written,
        tokenizer_config=reading.config,
        train=_split(tokenizer, rows.train, classes, vocab_size),
        eval=None if held_out is None else _split(tokenizer, held_out, classes, vocab_size),
    )


class _Reading(NamedTuple):
    """How texts become token ids, and what the model is built with."""

    tokenizer: Tokenizer
    config: str
    """The content of tokenizer_config.json."""
    vocab_size: int
    pad_id: int


# The imports stand in the functions, because a worker that only loads prepared data need not have
# tokenizers.


def _learnt(model: FreshModel, train: Texts) -> _Reading:
    from dualtrain.tasks.text_classification.tokenizer import NAMES, PAD, train_wordpiece

    tokenizer = train_wordpiece(train.texts, vocab_size=model.vocab_size)
    config = tokenizer_config(tokenizer.to_str(), special=NAMES, max_length=model.max_length)
    return _Reading(tokenizer, config, tokenizer.get_vocab_size(), tokenizer.token_to_id(PAD))


def _of_checkpoint(model: CheckpointModel, folder: Path, classes: int) -> _Reading:
    from dualtrain.tasks.text_classification.tokenizer import content, load_tokenizer, read_settings

    config = read_checkpoint_config(folder, classes=classes, dropout=None)
    if model.max_length > config.max_length:
        rule = f"task.model.max_length must be at most the checkpoint's, {config.max_length}"
        raise refusal(folder, rule, model.max_length)
    settings = read_settings(folder)
    tokenizer = load_tokenizer(settings, pad_id=config.pad_id, vocab_size=config.vocab_size)
    written = tokenizer_config(
        tokenizer.to_str(),
        special={name: content(token) for name, token in settings.special.items()},
        additional=[content(token) for token in settings.additional],
        max_length=model.max_length,
    )
    return _Reading(tokenizer, written, config.vocab_size, config.pad_id)


def _split(
    tokenizer: Tokenizer, table: Texts, classes: Sequence[str], vocab_size: int
) -> TextSplit:
    encoded = _encoded(tokenizer, table)
    for line, ids in zip(table.lines, encoded, strict=True):
        if max(ids) >= vocab_size:
            rule = f"every token id must be below config.json's vocab_size, {vocab_size}"
            received = f"{max(ids)}, {tokenizer.id_to_token(max(ids))!r}"
            raise refusal(f"{table.path}:{line}", rule, received)
    number = {label: i for i, label in enumerate(classes)}
    return TextSplit(
        ids=np.array([token for ids in encoded for token in ids], np.int32),
        offsets=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        labels=np.array([number[label] for label in table.labels], np.int64),
    )


def _encoded(tokenizer: Tokenizer, table: Texts) -> list[list[int]]:
    """The ids of each text."""
    from dualtrain.tasks.text_classification.tokenizer import refused

    try:
        return [encoding.ids for encoding in tokenizer.encode_batch(table.texts)]
    except Exception:  # of tokenizers, which raises no class of its own and names no text
        for line, text in zip(table.lines, table.texts, strict=True):
            with refused(f"{table.path}:{line}", "the checkpoint's tokenizer must take every text"):
                tokenizer.encode(text)
        raise

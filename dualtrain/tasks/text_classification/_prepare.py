"""From files to prepared data: read the tables, number the classes, cut the texts into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dualtrain.tasks.encoders import (
    CheckpointModel,
    FreshModel,
    PreparedTexts,
    Reading,
    TextSplit,
    Tokens,
    reading_of,
)
from dualtrain.tasks.encoders.checkpoint import class_order
from dualtrain.tasks.text_classification._classes import check_labels, classes_of
from dualtrain.tasks.text_classification._texts import Texts, read_texts

__all__ = ["Rows", "prepare", "read_rows", "tokens_of"]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What the files hold."""

    train: Texts
    held_out: Texts | None
    classes: tuple[str, ...]
    """The train split's labels, sorted by code point ("10" comes before "2")."""

    def __len__(self) -> int:
        return len(self.train.texts)


def read_rows(
    train: Path, held_out: Path | None, *, text: str, pair: str | None = None, label: str
) -> Rows:
    """Both splits and the classes.

    All that is refused about data files is refused here, before anything is tokenized.
    """
    read = partial(read_texts, text=text, pair=pair, label=label)
    rows = read(train)
    others = None if held_out is None else read(held_out)
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
    classes = rows.classes
    reading = reading_of(model, [*rows.train.texts, *(rows.train.pairs or ())], folder)
    if isinstance(model, CheckpointModel):
        classes = class_order(folder / model.path, classes, head=model.head).classes
    held_out = rows.held_out
    return PreparedTexts(
        classes=classes,
        vocab_size=reading.vocab_size,
        pad_id=reading.pad_id,
        tokenizer=reading.written,
        tokenizer_config=reading.config,
        train=_split(rows.train, classes, reading),
        eval=None if held_out is None else _split(held_out, classes, reading),
    )


def tokens_of(table: Texts, reading: Reading) -> Tokens:
    """The texts of a table, or its pairs; raises as `Reading.encoded`."""
    pairs = table.pairs
    given: list[Any] = table.texts if pairs is None else list(zip(table.texts, pairs, strict=True))
    return reading.tokens(reading.encoded(given, path=table.path, lines=table.lines))


def _split(table: Texts, classes: Sequence[str], reading: Reading) -> TextSplit:
    number = {label: i for i, label in enumerate(classes)}
    return TextSplit(
        **vars(tokens_of(table, reading)),
        labels=np.array([number[label] for label in table.labels], np.int64),
    )

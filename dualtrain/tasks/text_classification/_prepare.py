"""From files to prepared data: read the tables, number the classes, cut the texts into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dualtrain.extras import needed_for
from dualtrain.tasks.text_classification._classes import check_labels, classes_of
from dualtrain.tasks.text_classification._config import FRESH_TYPES
from dualtrain.tasks.text_classification._prepared import PreparedTexts, TextSplit, Tokens
from dualtrain.tasks.text_classification._texts import Texts, read_texts
from dualtrain.tasks.text_classification._words import CheckpointModel, FreshModel
from dualtrain.tasks.text_classification.checkpoint import (
    class_order,
    read_checkpoint_config,
    refusal,
)
from dualtrain.tasks.text_classification.saved import tokenizer_config

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = ["Reading", "Rows", "check_ids", "prepare", "read_rows", "reading_of", "tokens_of"]


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
    tokenizer = reading.tokenizer
    written = tokenizer.to_str()
    tokenizer.enable_truncation(model.max_length)
    held_out = rows.held_out
    return PreparedTexts(
        classes=classes,
        vocab_size=reading.vocab_size,
        pad_id=reading.pad_id,
        tokenizer=written,
        tokenizer_config=reading.config,
        train=_split(tokenizer, rows.train, classes, reading),
        eval=None if held_out is None else _split(tokenizer, held_out, classes, reading),
    )


class Reading(NamedTuple):
    """How texts become token ids, and what the model is built with."""

    tokenizer: Tokenizer
    config: str
    """The content of tokenizer_config.json."""
    vocab_size: int
    type_vocab_size: int
    pad_id: int


# The imports stand in the functions, because a worker that only loads prepared data need not have
# tokenizers.


def reading_of(model: FreshModel | CheckpointModel, texts: Sequence[str], folder: Path) -> Reading:
    """The checkpoint's way to cut texts, or one learnt from these; folder: the spec's.

    Raises `CheckpointError` for a checkpoint's tokenizer, `ExtraError` without the package
    tokenizers.
    """
    with needed_for("a task on texts needs"):
        import tokenizers  # noqa: F401
    if isinstance(model, CheckpointModel):
        return _of_checkpoint(model, folder / model.path)
    return _learnt(model, texts)


def _learnt(model: FreshModel, texts: Sequence[str]) -> Reading:
    from dualtrain.tasks.text_classification.tokenizer import NAMES, PAD, train_wordpiece

    tokenizer = train_wordpiece(texts, vocab_size=model.vocab_size)
    config = tokenizer_config(tokenizer.to_str(), special=NAMES, max_length=model.max_length)
    return Reading(
        tokenizer=tokenizer,
        config=config,
        vocab_size=tokenizer.get_vocab_size(),
        type_vocab_size=FRESH_TYPES,
        pad_id=tokenizer.token_to_id(PAD),
    )


def _of_checkpoint(model: CheckpointModel, folder: Path) -> Reading:
    from dualtrain.tasks.text_classification.tokenizer import content, load_tokenizer, read_settings

    config = read_checkpoint_config(folder, classes=2, dropout=None)
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
    return Reading(
        tokenizer=tokenizer,
        config=written,
        vocab_size=config.vocab_size,
        type_vocab_size=config.type_vocab_size,
        pad_id=config.pad_id,
    )


def tokens_of(table: Texts, model: CheckpointModel, folder: Path) -> tuple[Tokens, int]:
    """Texts without labels as the model in a folder takes them, and the token that pads them.

    Raises as `prepare`.
    """
    reading = reading_of(model, (), folder)
    reading.tokenizer.enable_truncation(model.max_length)
    return _tokens(reading.tokenizer, table, reading), reading.pad_id


def _split(
    tokenizer: Tokenizer, table: Texts, classes: Sequence[str], reading: Reading
) -> TextSplit:
    tokens = _tokens(tokenizer, table, reading)
    number = {label: i for i, label in enumerate(classes)}
    return TextSplit(
        **vars(tokens), labels=np.array([number[label] for label in table.labels], np.int64)
    )


def _tokens(tokenizer: Tokenizer, table: Texts, reading: Reading) -> Tokens:
    encoded = _encoded(tokenizer, table)
    check_ids(table.path, table.lines, encoded, reading)
    return tokens_in(encoded)


def tokens_in(encoded: Sequence[Encoding]) -> Tokens:
    """The samples, one after the other."""
    return Tokens(
        ids=np.array([token for one in encoded for token in one.ids], np.int32),
        types=np.array([kind for one in encoded for kind in one.type_ids], np.int8),
        offsets=np.cumsum([0, *(len(one.ids) for one in encoded)], dtype=np.int64),
    )


def check_ids(
    path: Path, lines: Sequence[int], encoded: Sequence[Encoding], reading: Reading
) -> None:
    """Refuse a token or a token type that the model has no row for."""
    for line, one in zip(lines, encoded, strict=True):
        for name, numbers, rows in (
            ("token id", one.ids, reading.vocab_size),
            ("token type", one.type_ids, reading.type_vocab_size),
        ):
            if max(numbers) >= rows:
                field = "vocab_size" if name == "token id" else "type_vocab_size"
                rule = f"every {name} must be below config.json's {field}, {rows}"
                found = max(numbers)
                token = one.tokens[numbers.index(found)]
                raise refusal(f"{path}:{line}", rule, f"{found}, {token!r}")


def _encoded(tokenizer: Tokenizer, table: Texts) -> list[Encoding]:
    """Each text, or pair of texts; of one that is too long the longer text loses its end first."""
    from dualtrain.tasks.text_classification.tokenizer import refused

    pairs = table.pairs
    given: list[Any] = table.texts if pairs is None else list(zip(table.texts, pairs, strict=True))
    try:
        return list(tokenizer.encode_batch(given))
    except Exception:  # of tokenizers, which raises no class of its own and names no text
        for line, one in zip(table.lines, given, strict=True):
            with refused(f"{table.path}:{line}", "the checkpoint's tokenizer must take every text"):
                tokenizer.encode_batch([one])
        raise

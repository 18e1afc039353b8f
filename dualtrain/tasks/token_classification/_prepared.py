"""Sentences as both frameworks see them: token ids, and on each word's first token its tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import refusal, shown
from dualtrain.tasks.text_classification._prepare import (
    Reading,
    check_ids,
    reading_of,
    tokens_in,
)
from dualtrain.tasks.text_classification._prepared import PreparedTexts, TextSplit
from dualtrain.tasks.text_classification._words import CheckpointModel, FreshModel
from dualtrain.tasks.token_classification._sentences import Sentences

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = ["NO_TARGET", "PreparedTags", "TagSplit", "prepare"]

NO_TARGET = -100
"""The label of a token that has no tag: it counts neither in the loss nor in the score."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TagSplit(TextSplit):
    """The sentences of one split, one after the other; `labels` is as long as `ids`.

    A word's first token has the number of its tag; its others, the special ones and the padding
    have -100.
    """

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def labels_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of shape (sentences, longest)."""
        places, there = self.places(indices)
        return np.where(there, self.labels[places], NO_TARGET)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedTags(PreparedTexts):
    """The data of a token classification; its classes are the tags."""

    SPLIT: ClassVar[type[TextSplit]] = TagSplit


def prepare(
    train: Sentences, held_out: Sentences | None, model: FreshModel | CheckpointModel, folder: Path
) -> PreparedTags:
    """Cut the words into tokens; folder: the spec's.

    Raises `CheckpointError` for a checkpoint's tokenizer, `DataError` for a word without a token.
    """
    texts = [" ".join(one.words) for one in train.sentences]
    reading = reading_of(model, texts, folder)
    tokenizer = reading.tokenizer
    written = tokenizer.to_str()
    tokenizer.enable_truncation(model.max_length)
    tags = train.tags
    return PreparedTags(
        classes=tags,
        vocab_size=reading.vocab_size,
        pad_id=reading.pad_id,
        tokenizer=written,
        tokenizer_config=reading.config,
        train=_split(tokenizer, train, tags, reading),
        eval=None if held_out is None else _split(tokenizer, held_out, tags, reading),
    )


def _split(
    tokenizer: Tokenizer, table: Sentences, tags: Sequence[str], reading: Reading
) -> TagSplit:
    encoded = tokenizer.encode_batch([one.words for one in table.sentences], is_pretokenized=True)
    check_ids(table.path, [one.line for one in table.sentences], encoded, reading)
    number = {tag: i for i, tag in enumerate(tags)}
    labels = list[int]()
    for one, sentence in zip(encoded, table.sentences, strict=True):
        first = _first_tokens(one)
        words = [word for word in first if word is not None]
        if words != list(range(len(words))):
            word = sentence.words[next(i for i, found in enumerate(words) if i != found)]
            rule = "the tokenizer must find a token in every word"
            raise refusal(rule, path=table.path, line=sentence.line, received=shown(word))
        labels += [NO_TARGET if w is None else number[sentence.tags[w]] for w in first]
    return TagSplit(**vars(tokens_in(encoded)), labels=np.array(labels, np.int64))


def _first_tokens(one: Encoding) -> list[int | None]:
    """For each token the word that it begins; None where it begins none."""
    words = one.word_ids
    return [
        word if word is not None and word != before else None
        for word, before in zip(words, [None, *words], strict=False)
    ]

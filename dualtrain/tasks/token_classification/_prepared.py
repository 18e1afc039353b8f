"""Sentences as both frameworks see them: token ids, and on each word's first token its tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import refusal
from dualtrain.errors import DataError
from dualtrain.tasks._classes import NO_TARGET
from dualtrain.tasks.encoders import (
    CheckpointModel,
    FreshModel,
    PreparedTexts,
    Reading,
    TextSplit,
    Tokens,
    reading_of,
)
from dualtrain.tasks.token_classification._sentences import OUTSIDE, Sentence, Sentences

if TYPE_CHECKING:
    from tokenizers import Encoding

__all__ = ["PreparedTags", "TagSplit", "Words", "prepare", "words_of"]


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

    Raises `CheckpointError` for a checkpoint's tokenizer, `DataError` for a word without a token
    whose tag would be lost.
    """
    texts = [" ".join(one.words) for one in train.sentences]
    reading = reading_of(model, texts, folder)
    tags = train.tags
    return PreparedTags(
        classes=tags,
        vocab_size=reading.vocab_size,
        pad_id=reading.pad_id,
        tokenizer=reading.written,
        tokenizer_config=reading.config,
        train=_split(train, tags, reading),
        eval=None if held_out is None else _split(held_out, tags, reading),
    )


class Words(NamedTuple):
    """Sentences as tokens, and the word that each token begins."""

    tokens: Tokens
    first: list[list[int | None]]
    """Of each sentence, for each token: the place of the word that it begins; None where it begins
    none. Words that are cut off at the most tokens have none, nor those that have no token."""


def words_of(table: Sentences, reading: Reading) -> Words:
    """Cut the words of sentences into tokens.

    Of some words a tokenizer leaves nothing, as of a variation selector that stands alone: such a
    word is passed over. Raises `DataError` where its tag would be lost, and where nothing is left
    of a sentence that has tags.
    """
    encoded = reading.encoded(
        [one.words for one in table.sentences],
        path=table.path,
        lines=[one.line for one in table.sentences],
        are_words=True,
    )
    first = [_first_tokens(one) for one in encoded]
    for one, places, sentence in zip(encoded, first, table.sentences, strict=True):
        found = [word for word in places if word is not None]
        reach = max(found, default=-1) + 1 if one.overflowing else len(sentence.words)
        for place, tag in enumerate(sentence.tags[:reach]):
            if place not in found and (tag != OUTSIDE or not found):
                raise _without_token(table.path, sentence, place)
    return Words(reading.tokens(encoded), first)


def _without_token(path: Path, sentence: Sentence, place: int) -> DataError:
    rule = (
        f"the tokenizer must find a token in every word whose tag is not {OUTSIDE}, and in one "
        "word of each sentence: leave it out, or write it otherwise"
    )
    received = ascii(sentence.words[place])
    return refusal(rule, path=path, line=sentence.lines[place], received=received)


def _split(table: Sentences, tags: Sequence[str], reading: Reading) -> TagSplit:
    words = words_of(table, reading)
    number = {tag: i for i, tag in enumerate(tags)}
    labels = [
        NO_TARGET if word is None else number[sentence.tags[word]]
        for places, sentence in zip(words.first, table.sentences, strict=True)
        for word in places
    ]
    return TagSplit(**vars(words.tokens), labels=np.array(labels, np.int64))


def _first_tokens(one: Encoding) -> list[int | None]:
    words = one.word_ids
    return [
        word if word is not None and word != before else None
        for word, before in zip(words, [None, *words], strict=False)
    ]

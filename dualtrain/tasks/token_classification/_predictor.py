"""Tags by a saved model: its own config.json and tokenizer, and nothing of its training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch
from dualtrain.tasks._classes import class_predictions
from dualtrain.tasks._predictor import Prediction, Predictor, Samples
from dualtrain.tasks.encoders import CheckpointModel, collate, reading_of
from dualtrain.tasks.encoders.checkpoint import read_checkpoint_config, stored_classes
from dualtrain.tasks.token_classification._prepared import Words, words_of
from dualtrain.tasks.token_classification._sentences import Sentence, Sentences, read_sentences

__all__ = ["TagPredictor"]

NONE: Prediction = {"prediction": None, "probability": None}
"""Of a word that the model was not shown."""


class TagPredictor(Predictor):
    """Predicts the tag of each word.

    tokens: key of the list of words. max_length: tokens that a sentence is cut at.
    """

    def __init__(self, folder: Path, *, tokens: str, max_length: int) -> None:
        self._folder, self._tokens = folder, tokens
        self._model = CheckpointModel(path=".", max_length=max_length)
        self._classes = stored_classes(folder)
        config = read_checkpoint_config(folder, classes=len(self._classes), dropout=None)
        self.config = replace(config, per_token=True)

    def read(self, file: Path) -> Samples:
        """The sentences, their words cut by the folder's tokenizer."""
        table = read_sentences(file, tokens=self._tokens, labels=None)
        reading = reading_of(self._model, (), self._folder)
        return _Sentences(
            table=table,
            words=words_of(table, reading),
            pad_id=reading.pad_id,
            classes=self._classes,
        )


@dataclass(frozen=True, kw_only=True)
class _Sentences(Samples):
    table: Sentences
    words: Words
    pad_id: int
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.table.sentences)

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        return collate(self.words.tokens, indices, self.pad_id)

    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """For each word itself, its tag as `prediction`, and its `probability`."""
        return [
            found
            for i, logits in zip(indices, output, strict=True)
            for found in self._of(self.table.sentences[i], self.words.first[i], logits)
        ]

    def _of(
        self, sentence: Sentence, first: list[int | None], logits: NDArray[np.float32]
    ) -> Iterator[Prediction]:
        begins = {word: place for place, word in enumerate(first) if word is not None}
        found = class_predictions(logits[list(begins.values())], self.classes)
        predicted = dict(zip(begins, found, strict=True))
        words = zip(sentence.lines, sentence.words, strict=True)
        for i, (line, word) in enumerate(words):
            yield {"line": line, "word": word, **predicted.get(i, NONE)}

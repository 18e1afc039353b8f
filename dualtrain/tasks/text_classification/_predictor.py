"""Predictions by a saved model: its own config.json and tokenizer, and nothing of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch
from dualtrain.tasks._classes import class_predictions
from dualtrain.tasks._predictor import Prediction, Predictor, Samples, on_lines
from dualtrain.tasks.encoders import CheckpointModel, Tokens, collate, reading_of
from dualtrain.tasks.encoders.checkpoint import read_checkpoint_config, stored_classes
from dualtrain.tasks.text_classification._prepare import tokens_of
from dualtrain.tasks.text_classification._texts import read_texts

__all__ = ["TextPredictor"]


class TextPredictor(Predictor):
    """Predicts the class of a text, or of a pair of texts.

    text, pair: the columns. max_length: tokens that a text is cut at.
    """

    def __init__(self, folder: Path, *, text: str, pair: str | None, max_length: int) -> None:
        self._folder, self._text, self._pair = folder, text, pair
        self._model = CheckpointModel(path=".", max_length=max_length)
        self._classes = stored_classes(folder)
        self.config = read_checkpoint_config(folder, classes=len(self._classes), dropout=None)

    def read(self, file: Path) -> Samples:
        """The texts, cut by the folder's tokenizer."""
        table = read_texts(file, text=self._text, pair=self._pair)
        reading = reading_of(self._model, (), self._folder)
        return _Texts(
            lines=table.lines,
            tokens=tokens_of(table, reading),
            pad_id=reading.pad_id,
            classes=self._classes,
        )


@dataclass(frozen=True, kw_only=True)
class _Texts(Samples):
    lines: Sequence[int]
    tokens: Tokens
    pad_id: int
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.lines)

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        return collate(self.tokens, indices, self.pad_id)

    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """`prediction`, the likeliest class, and its `probability`."""
        return on_lines(self.lines, indices, class_predictions(output, self.classes))

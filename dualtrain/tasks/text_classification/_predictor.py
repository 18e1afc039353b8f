"""Predictions by a saved model: its own config.json and tokenizer, and nothing of its training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.tasks._classes import class_predictions
from dualtrain.tasks._predictor import Predictor, Samples
from dualtrain.tasks.text_classification._prepare import tokens_of
from dualtrain.tasks.text_classification._prepared import collate
from dualtrain.tasks.text_classification._texts import read_texts
from dualtrain.tasks.text_classification._words import CheckpointModel
from dualtrain.tasks.text_classification.checkpoint import read_checkpoint_config, stored_classes

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
        tokens, pad_id = tokens_of(table, self._model, self._folder)
        return Samples(lines=table.lines, batch=partial(collate, tokens, pad_id=pad_id))

    def predictions(self, output: NDArray[np.float32]) -> list[Mapping[str, Any]]:
        """`prediction`, the likeliest class, and its `probability`."""
        return class_predictions(output, self._classes)

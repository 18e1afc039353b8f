"""Text classification: a text in, one of several classes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationInfo, field_validator

from dualtrain.data import MicroBatch
from dualtrain.fields import by_name
from dualtrain.tasks._classes import score_classes
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import Text
from dualtrain.tasks.encoders import AnyModel, CheckpointModel, EncoderTask, PreparedTexts
from dualtrain.tasks.encoders.checkpoint import (
    class_order,
    read_checkpoint_config,
    read_weights,
)
from dualtrain.tasks.text_classification._predictor import TextPredictor
from dualtrain.tasks.text_classification._prepare import Rows, prepare, read_rows

__all__ = ["TextClassification"]


class TextClassification(EncoderTask):
    """Texts, or pairs of texts, and one label each, from CSV, TSV or JSON Lines files in UTF-8."""

    name: Literal["text_classification"]
    """The kind of task."""
    text: Text
    """Name of the column with the text."""
    pair: Text | None = None
    """Name of the column with the second text, as in entailment or question answering; the model
    is given both, `[CLS] text [SEP] pair [SEP]` with BERT's tokenizer. Of a pair that is longer
    than `max_length` the longer text loses its end first. Absent: each text stands alone."""
    label: Text
    """Name of the column with the label; the classes are the train split's, sorted, or in the
    order of the checkpoint's head. Refused are numbers with a fraction, one class written in two
    ways (`Pos`, `pos`), and more than 20 classes of fewer than two rows on average, most of them in
    one row only."""
    model: AnyModel
    """A fresh model, or `{path: folder}` to start from a checkpoint."""

    measures: ClassVar[tuple[str, ...] | None] = ("loss", "accuracy")
    cures: ClassVar[Mapping[str, str]] = by_name(
        {
            "write text: VALUE": "text_column text_column_name",
            "write pair: VALUE": "text_pair text_b sentence2 second_text",
            "write label: VALUE": "label_column label_column_name",
            "write model: {..., max_length: VALUE}": "max_length max_seq_length max_seq_len",
        }
    )
    excluded: ClassVar[Mapping[str, str]] = {
        "loss.shift_labels": "a text has one label, which cannot be shifted"
    }

    @field_validator("pair")
    @classmethod
    def _pair_is_another_column(cls, pair: str | None, info: ValidationInfo) -> str | None:
        if pair is not None and pair == info.data.get("text"):
            raise ValueError(f"must be another column than text. Received: {pair!r}")
        return pair

    def read(self, folder: Path) -> Rows:
        """Both splits and the classes."""
        held_out = None if self.eval is None else folder / self.eval
        return read_rows(
            folder / self.train, held_out, text=self.text, pair=self.pair, label=self.label
        )

    def prepare(self, folder: Path) -> PreparedTexts:
        """Token ids and class numbers."""
        return prepare(self.read(folder), self.model, folder)

    def load(self, folder: Path) -> PreparedTexts:
        """The same, prepared before."""
        return PreparedTexts.load(folder)

    def check_start(self, folder: Path, rows: Rows) -> None:
        """Refuse a checkpoint whose head or weights are not for these rows."""
        if isinstance(self.model, CheckpointModel):
            checkpoint, head = folder / self.model.path, self.model.head
            class_order(checkpoint, rows.classes, head=head)
            config = read_checkpoint_config(
                checkpoint, classes=len(rows.classes), dropout=self.model.dropout
            )
            read_weights(checkpoint, list(config.tensors()), config, head=head)

    def score(
        self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: PreparedTexts
    ) -> Score:
        """Right answers and mean cross-entropy."""
        return score_classes(outputs, classes=len(data.classes), samples="texts")

    def predictor(self, folder: Path) -> TextPredictor:
        """By config.json and the tokenizer's files."""
        return TextPredictor(
            folder, text=self.text, pair=self.pair, max_length=self.model.max_length
        )

"""Token classification: a sentence's words in, a BIO tag for each out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from dualtrain.data import MicroBatch
from dualtrain.errors import DataError
from dualtrain.extras import needed_for
from dualtrain.fields import by_name
from dualtrain.tasks._classes import NO_TARGET, cross_entropy
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import Text
from dualtrain.tasks.encoders import (
    AnyModel,
    CheckpointModel,
    EncoderConfig,
    EncoderTask,
    PreparedTexts,
)
from dualtrain.tasks.encoders.checkpoint import read_weights
from dualtrain.tasks.token_classification._predictor import TagPredictor
from dualtrain.tasks.token_classification._prepared import PreparedTags, prepare
from dualtrain.tasks.token_classification._sentences import Sentences, check_tags, read_sentences

__all__ = ["TokenClassification"]


def _head_is_fresh(model: AnyModel) -> AnyModel:
    if isinstance(model, CheckpointModel) and model.head != "fresh":
        raise ValueError(
            "a token classification makes a new head on a checkpoint: write head: fresh. "
            f"Received: head {model.head}"
        )
    return model


class TokenClassification(EncoderTask):
    """Sentences with a BIO tag for each word, from CoNLL columns or JSON Lines files in UTF-8.

    A `.conll` file has a line a word, its columns apart by spaces or tabs, the word first and the
    tag last, and an empty line after each sentence; CoNLL-2003's `-DOCSTART-` is passed over. A
    `.jsonl` file has two lists a line. A word's tag is that of its first token; the loss and the
    score are over those, and over the words within `max_length` alone.
    """

    name: Literal["token_classification"]
    """The kind of task."""
    tokens: Text = "tokens"
    """Key of the list of words, in JSON Lines."""
    labels: Text = "labels"
    """Key of the list of tags, in JSON Lines: by name, `B-PER`, not by number."""
    model: Annotated[AnyModel, AfterValidator(_head_is_fresh)]
    """A fresh model, or `{path: folder, head: fresh}` to start from a checkpoint's encoder."""

    measures: ClassVar[tuple[str, ...] | None] = ("loss", "accuracy", "precision", "recall", "f1")
    cures: ClassVar[Mapping[str, str]] = by_name(
        {
            "write tokens: VALUE": "text words text_column text_column_name",
            "write labels: VALUE": "label tags ner_tags label_column label_column_name",
            "write model: {..., max_length: VALUE}": "max_length max_seq_length max_seq_len",
        }
    )
    excluded: ClassVar[Mapping[str, str]] = {
        "loss.shift_labels": "a tag is that of its own word, which cannot be shifted"
    }

    def read(self, folder: Path) -> list[object]:
        """The sentences of the train split, after both have been read."""
        return list(self._read(folder)[0].sentences)

    def _read(self, folder: Path) -> tuple[Sentences, Sentences | None]:
        with needed_for("a token classification needs"):
            import seqeval  # noqa: F401
        train = read_sentences(folder / self.train, tokens=self.tokens, labels=self.labels)
        if len(train.tags) < 2:
            raise DataError(
                f"{train.path}: must have two tags or more. Received: only {', '.join(train.tags)}"
            )
        if self.eval is None:
            return train, None
        held_out = read_sentences(folder / self.eval, tokens=self.tokens, labels=self.labels)
        check_tags(held_out, train.tags)
        return train, held_out

    def prepare(self, folder: Path) -> PreparedTags:
        """Token ids and tag numbers."""
        return prepare(*self._read(folder), self.model, folder)

    def load(self, folder: Path) -> PreparedTags:
        """The same, prepared before."""
        return PreparedTags.load(folder)

    def config(self, folder: Path, data: PreparedTexts | None = None) -> EncoderConfig:
        """The encoder, with a head on each token."""
        return replace(super().config(folder, data), per_token=True)

    def check_start(self, folder: Path, rows: object) -> None:
        """Refuse a checkpoint whose weights are not those of its encoder."""
        if isinstance(self.model, CheckpointModel):
            config = self.config(folder)
            read_weights(folder / self.model.path, list(config.tensors()), config, head="fresh")

    def score(
        self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: PreparedTags
    ) -> Score:
        """Right tags of words, mean cross-entropy; precision, recall and F1 of whole entities.

        Those are seqeval's, by conlleval's rules: an entity is right if its words and its kind are.
        """
        from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

        wanted, given = list[list[str]](), list[list[str]]()
        correct, total, loss = 0, 0, 0.0
        for output, batch in outputs:
            labels = batch["labels"]
            if output.shape != (*labels.shape, len(data.classes)):
                raise DataError(
                    f"the model's output must have the shape (sentences, tokens, tags), "
                    f"{(*labels.shape, len(data.classes))}. Received: {output.shape}"
                )
            best = output.argmax(axis=-1)
            counted = labels != NO_TARGET
            for tags, ours, here in zip(labels, best, counted, strict=True):
                wanted.append([data.classes[tag] for tag in tags[here]])
                given.append([data.classes[tag] for tag in ours[here]])
            correct += int((best[counted] == labels[counted]).sum())
            loss += cross_entropy(output[counted], labels[counted])
            total += int(counted.sum())
        without: Any = 0  # where nothing is found; seqeval's annotation is of the word "warn" alone
        found = precision_recall_fscore_support(
            wanted, given, average="micro", zero_division=without
        )
        names = ("precision", "recall", "f1")
        metrics = {name: float(np.asarray(one)) for name, one in zip(names, found, strict=False)}
        return Score(examples=total, loss=loss / total, correct=correct, metrics=metrics)

    def predictor(self, folder: Path) -> TagPredictor:
        """By config.json and the tokenizer's files."""
        return TagPredictor(folder, tokens=self.tokens, max_length=self.model.max_length)

"""Causal language modelling: each token of a text from those before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dualtrain.data import MicroBatch
from dualtrain.errors import DataError
from dualtrain.fields import LARGEST_COUNT, by_name
from dualtrain.tasks._classes import NO_TARGET, cross_entropy
from dualtrain.tasks._model import ParameterLike, fresh_array
from dualtrain.tasks._score import Score
from dualtrain.tasks._task import Task, Text
from dualtrain.tasks.causal_lm._config import DecoderConfig
from dualtrain.tasks.causal_lm._predictor import NextTokenPredictor, perplexity
from dualtrain.tasks.causal_lm._prepared import PreparedBlocks, Texts, prepare, read_texts
from dualtrain.tasks.causal_lm._saved import CONFIG, DEVIATION, TOKENIZER, TOKENIZER_CONFIG, save
from dualtrain.tasks.encoders import FreshModel

__all__ = ["CausalLm", "FreshDecoder"]


class FreshDecoder(FreshModel):
    """A GPT-2 with random initial weights, the same ones in both frameworks."""

    family: Literal["gpt2"]  # type: ignore[assignment]
    """Architecture: GPT-2, which paddlenlp has as GPT with query, key and value in one tensor."""
    max_length: Annotated[int, Field(ge=4, le=LARGEST_COUNT)]
    """Tokens of a block, and most that the model takes."""
    vocab_size: Annotated[int, Field(ge=257, le=LARGEST_COUNT)] = 8000
    """Most tokens the tokenizer may learn from the train split; 256 bytes and the text's end are
    always among them."""


class CausalLm(Task):
    """Texts, from .txt files or a column of CSV, TSV or JSON Lines files in UTF-8.

    The texts, each with `<|endoftext|>` after it, stand in one row that is cut into blocks of
    `max_length` tokens; the last tokens, too few for a block, are left out. A label is the next
    token of the block: the task shifts, and a block has one target fewer than tokens. The tokenizer
    is a byte-level BPE, learnt from the train split.
    """

    name: Literal["causal_lm"]
    """The kind of task."""
    text: Text | None = None
    """Name of the column with the texts; absent for .txt files, which are one text each."""
    model: FreshDecoder
    """A fresh GPT-2."""

    measures: ClassVar[tuple[str, ...] | None] = ("loss", "perplexity")
    files: ClassVar[tuple[str, ...]] = (CONFIG, TOKENIZER, TOKENIZER_CONFIG)
    cures: ClassVar[Mapping[str, str]] = by_name(
        {
            "write text: VALUE": "text_column text_column_name",
            "write model: {..., max_length: VALUE}": "block_size max_length max_seq_length",
        }
    )
    excluded: ClassVar[Mapping[str, str]] = {
        "loss.shift_labels": "a causal_lm gives each token the next one as its label already"
    }

    def read(self, folder: Path) -> list[str]:
        """The texts of the train split, after both have been read."""
        return self._read(folder)[0].texts

    def _read(self, folder: Path) -> tuple[Texts, Texts | None]:
        train = read_texts(folder / self.train, self.text)
        return train, None if self.eval is None else read_texts(folder / self.eval, self.text)

    def prepare(self, folder: Path) -> PreparedBlocks:
        """Blocks of token ids."""
        train, held_out = self._read(folder)
        vocab_size, max_length = self.model.vocab_size, self.model.max_length
        return prepare(train, held_out, vocab_size=vocab_size, max_length=max_length)

    def load(self, folder: Path) -> PreparedBlocks:
        """The same, prepared before."""
        return PreparedBlocks.load(folder)

    def config(self, folder: Path, data: PreparedBlocks | None = None) -> DecoderConfig:
        """The decoder; without data of the most tokens that it may have."""
        model = self.model
        return DecoderConfig(
            vocab_size=model.vocab_size if data is None else data.vocab_size,
            hidden_size=model.hidden_size,
            layers=model.layers,
            heads=model.heads,
            intermediate_size=model.intermediate_size or 4 * model.hidden_size,
            max_length=model.max_length,
            dropout=model.dropout,
        )

    def initial_weights(
        self, folder: Path, config: DecoderConfig, parameters: Sequence[ParameterLike], *, seed: int
    ) -> dict[str, NDArray[np.float32]]:
        """A norm's weight 1, biases 0, all else normal(0, 0.02)."""
        return {
            p.name: fresh_array(p, seed=seed, deviation=DEVIATION)
            for p in sorted(parameters, key=lambda p: p.name)
        }

    def score(
        self, outputs: Iterable[tuple[NDArray[np.float32], MicroBatch]], data: PreparedBlocks
    ) -> Score:
        """Mean cross-entropy over all targets, and `perplexity`, e to its power."""
        total, loss = 0, 0.0
        for output, batch in outputs:
            labels = batch["labels"]
            if output.shape != (*labels.shape, data.vocab_size):
                raise DataError(
                    f"the model's output must have the shape (blocks, tokens, vocabulary), "
                    f"{(*labels.shape, data.vocab_size)}. Received: {output.shape}"
                )
            counted = labels != NO_TARGET
            loss += cross_entropy(output[counted], labels[counted])
            total += int(counted.sum())
        mean = loss / total
        return Score(examples=total, loss=mean, metrics={"perplexity": perplexity(mean)})

    def randomness(self) -> str | None:
        """Dropout."""
        return f"dropout {self.model.dropout:g}" if self.model.dropout else None

    def without_randomness(self) -> CausalLm:
        """With dropout 0."""
        return self.model_copy(update={"model": self.model.model_copy(update={"dropout": 0.0})})

    def notes(self, config: DecoderConfig) -> list[str]:
        """That there is no dropout."""
        return [] if config.dropout else ["dropout is 0: masks cannot match across frameworks"]

    def save(self, folder: Path, config: DecoderConfig, data: PreparedBlocks) -> None:
        """config.json and the tokenizer's files: a Hugging Face checkpoint."""
        save(folder, config, data.tokenizer)

    def predictor(self, folder: Path) -> NextTokenPredictor:
        """By config.json and tokenizer.json."""
        return NextTokenPredictor(folder, text=self.text)

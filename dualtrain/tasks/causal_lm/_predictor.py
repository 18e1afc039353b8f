"""The next token of a text, and the text's own perplexity, by a saved model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.data import MicroBatch, refusal
from dualtrain.tasks._classes import cross_entropy, log_probabilities
from dualtrain.tasks._predictor import Prediction, Predictor, Samples, on_lines
from dualtrain.tasks.causal_lm._prepared import read_texts
from dualtrain.tasks.causal_lm._saved import END, read_config, read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["NextTokenPredictor", "perplexity"]


def perplexity(loss: float) -> float:
    """e to the power of a mean cross-entropy; infinite where float64 holds no such number.

    >>> perplexity(0.0), perplexity(1000.0)
    (1.0, inf)
    """
    return math.exp(loss) if loss < math.log(np.finfo(np.float64).max) else math.inf


class NextTokenPredictor(Predictor):
    """Predicts what comes after a text, from its last tokens, as many as the model takes.

    text: the column; None for .txt files.
    """

    def __init__(self, folder: Path, *, text: str | None) -> None:
        self._folder, self._text = folder, text
        self.config = self._decoder = read_config(folder)

    def read(self, file: Path) -> Samples:
        """The texts, cut by the folder's tokenizer."""
        table = read_texts(file, self._text)
        tokenizer = read_tokenizer(self._folder, vocab_size=self._decoder.vocab_size)
        rows = [one.ids[-self._decoder.max_length :] for one in tokenizer.encode_batch(table.texts)]
        for line, row in zip(table.lines, rows, strict=True):
            if not row:
                raise refusal("must have a token", path=file, line=line, received="an empty text")
        return _Texts(lines=table.lines, rows=rows, tokenizer=tokenizer)


@dataclass(frozen=True, kw_only=True)
class _Texts(Samples):
    lines: Sequence[int]
    rows: Sequence[list[int]]
    tokenizer: Tokenizer

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: NDArray[np.int64]) -> MicroBatch:
        """Filled up behind, where no token looks."""
        rows = [self.rows[i] for i in indices]
        shape = (len(rows), max(map(len, rows)))
        ids = np.full(shape, self.tokenizer.token_to_id(END), np.int64)
        for place, row in zip(ids, rows, strict=True):
            place[: len(row)] = row
        return {"input_ids": ids}

    def predictions(
        self, indices: NDArray[np.int64], output: NDArray[np.float32]
    ) -> list[Prediction]:
        """The likeliest next token as `prediction`, and its `probability`; `tokens`, the number of
        the text's own that were looked at, and their `perplexity`, which one alone has none of."""
        found = (self._of(self.rows[i], one) for i, one in zip(indices, output, strict=True))
        return on_lines(self.lines, indices, found)

    def _of(self, row: Sequence[int], logits: NDArray[np.float32]) -> Mapping[str, Any]:
        last = log_probabilities(logits[len(row) - 1])
        likeliest, targets = int(last.argmax()), np.array(row[1:], np.int64)
        loss = cross_entropy(logits[: len(targets)], targets)
        return {
            "prediction": self.tokenizer.decode([likeliest], skip_special_tokens=False),
            "probability": float(np.exp(last[likeliest])),
            "tokens": len(row),
            "perplexity": perplexity(loss / len(targets)) if len(targets) else None,
        }

"""What an encoder with a classification head is built from, without naming a framework.

transformers and paddlenlp spell the keywords of their configuration classes alike but disagree on
their defaults (type_vocab_size 2 and 16, RoBERTa's pad token 1 and 0): here all are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dualtrain.tasks._model import (
    ExpectedParameter,
    ModelConfig,
    count_weights,
    linear,
    norm,
)
from dualtrain.tasks.encoders._words import Family, FreshModel

__all__ = [
    "ACTIVATIONS",
    "ARCHITECTURES",
    "FRESH_TYPES",
    "HEAD",
    "HEAD_LAYERS",
    "KEYWORDS",
    "POOLED",
    "EncoderConfig",
    "fresh_config",
]

ARCHITECTURES: dict[Family, str] = {
    "bert": "BertForSequenceClassification",
    "ernie": "ErnieForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
}
"""The name that both libraries give a family's classifier."""

HEAD = "classifier."
"""What the names of a classification head's parameters begin with, in all families."""

HEAD_LAYERS: dict[Family, tuple[str, ...]] = {
    "bert": ("classifier",),
    "ernie": ("classifier",),
    "roberta": ("classifier.dense", "classifier.out_proj"),
}
"""The layers of each family's head, from the encoder up."""

POOLED = ("bert", "ernie")
"""Families whose head stands on a pooler; RoBERTa's has its own dense layer."""

ACTIVATIONS = (
    *("gelu", "gelu_python", "leaky_relu", "mish", "quick_gelu", "relu", "relu6", "sigmoid"),
    *("silu", "swish", "tanh"),
)
"""What transformers and Paddle have under one name, two of them by paddlenlp's import: equal up to
rounding, measured."""

FRESH_TYPES = 2
"""Token types of a fresh model: of the first text of a pair, and of the second."""

KEYWORDS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "pad_id": "pad_token_id",
    "classes": "num_labels",
    "hidden_act": "hidden_act",
    "layer_norm_eps": "layer_norm_eps",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "classifier_dropout": "classifier_dropout",
    "initializer_range": "initializer_range",
}
"""Field of `EncoderConfig` -> the name it has in config.json, in transformers and in paddlenlp."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(ModelConfig):
    """A classification model of one of the three families: of whole texts, or of each token."""

    family: Family
    """Architecture."""
    vocab_size: int
    """Rows of the word embedding."""
    hidden_size: int
    """Width; a multiple of `heads`."""
    layers: int
    """Transformer blocks."""
    heads: int
    """Attention heads."""
    intermediate_size: int
    """Width of the feed-forward layer."""
    max_positions: int
    """Rows of the position embedding."""
    type_vocab_size: int
    """Rows of the token type embedding."""
    task_type_vocab_size: int = 0
    """Rows of the task type embedding that ERNIE has since 2.0; 0 means there is none. Every
    token has task type 0, the default of both frameworks."""
    pad_id: int
    """Token that fills a batch up."""
    classes: int
    """Columns of the logits."""
    hidden_act: str
    """Activation of the feed-forward layer, by the name both frameworks give it."""
    layer_norm_eps: float
    """Added to the variance; paddlenlp's ERNIE always takes 1e-12."""
    dropout: float
    """Of hidden states."""
    attention_dropout: float
    """Of attention probabilities."""
    classifier_dropout: float
    """Before the classification head."""
    initializer_range: float
    """Standard deviation of fresh weights."""
    per_token: bool = False
    """Whether each token has logits, of one Linear layer without a pooler, and not each text."""

    @property
    def architecture(self) -> str:
        """The name that both libraries give the model."""
        whole = ARCHITECTURES[self.family]
        return whole.replace("Sequence", "Token") if self.per_token else whole

    @property
    def max_length(self) -> int:
        """Longest input, in tokens. RoBERTa's first position is pad_id + 1, so it has fewer."""
        return self.max_positions - _first_position(self.family, self.pad_id)

    def keywords(self) -> dict[str, Any]:
        """The keywords of the configuration classes of transformers and of paddlenlp alike."""
        keywords = {name: getattr(self, field) for field, name in KEYWORDS.items()}
        if self.task_type_vocab_size:
            keywords |= {"use_task_id": True, "task_type_vocab_size": self.task_type_vocab_size}
        return keywords

    def tensors(self) -> Iterator[ExpectedParameter]:
        """The parameters, in the order of transformers' modules.

        >>> len(list(config.tensors()))  # BERT of 12 layers
        201
        """
        yield from self._embeddings()
        for index in range(self.layers):
            yield from self._block(index)
        yield from self._head()

    @property
    def weights(self) -> int:
        """How many numbers the parameters hold, however many layers there are."""
        ends = count_weights(self._embeddings()) + count_weights(self._head())
        return ends + self.layers * count_weights(self._block(0))

    def _embeddings(self) -> Iterator[ExpectedParameter]:
        base, width = f"{self.family}.embeddings", self.hidden_size
        for table, rows in (
            ("word", self.vocab_size),
            ("position", self.max_positions),
            ("token_type", self.type_vocab_size),
            ("task_type", self.task_type_vocab_size),
        ):
            if rows:
                name = f"{base}.{table}_embeddings.weight"
                yield ExpectedParameter(name, (rows, width), "embedding")
        yield from norm(f"{base}.LayerNorm", width)

    def _block(self, index: int) -> Iterator[ExpectedParameter]:
        width, inner = self.hidden_size, self.intermediate_size
        layer = f"{self.family}.encoder.layer.{index}"
        for part in ("query", "key", "value"):
            yield from linear(f"{layer}.attention.self.{part}", width, width)
        yield from linear(f"{layer}.attention.output.dense", width, width)
        yield from norm(f"{layer}.attention.output.LayerNorm", width)
        yield from linear(f"{layer}.intermediate.dense", inner, width)
        yield from linear(f"{layer}.output.dense", width, inner)
        yield from norm(f"{layer}.output.LayerNorm", width)

    def _head(self) -> Iterator[ExpectedParameter]:
        width = self.hidden_size
        if self.per_token:
            yield from linear("classifier", self.classes, width)
            return
        if self.family in POOLED:
            yield from linear(f"{self.family}.pooler.dense", width, width)
        *dense, last = HEAD_LAYERS[self.family]
        for layer in dense:
            yield from linear(layer, width, width)
        yield from linear(last, self.classes, width)


def fresh_config(model: FreshModel, *, vocab_size: int, pad_id: int, classes: int) -> EncoderConfig:
    """The configuration of a fresh model, for a tokenizer and a number of classes.

    What a spec leaves out is BERT's: gelu, two token types, layer_norm_eps 1e-12, fresh weights
    of standard deviation 0.02.
    """
    return EncoderConfig(
        family=model.family,
        vocab_size=vocab_size,
        hidden_size=model.hidden_size,
        layers=model.layers,
        heads=model.heads,
        intermediate_size=model.intermediate_size or 4 * model.hidden_size,
        max_positions=model.max_length + _first_position(model.family, pad_id),
        type_vocab_size=FRESH_TYPES,
        pad_id=pad_id,
        classes=classes,
        hidden_act="gelu",
        layer_norm_eps=1e-12,
        dropout=model.dropout,
        attention_dropout=model.dropout,
        classifier_dropout=model.dropout,
        initializer_range=0.02,
    )


def _first_position(family: Family, pad_id: int) -> int:
    return pad_id + 1 if family == "roberta" else 0

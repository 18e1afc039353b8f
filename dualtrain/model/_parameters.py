"""The parameters of the three families, known from a configuration alone: without a framework.

Names and shapes are canonical, in the order of transformers' modules. A conformance test holds
them to what every backend lists of the live model.
"""

from __future__ import annotations

from collections.abc import Iterator

from dualtrain.ledger import Kind, Parameter
from dualtrain.model._config import ModelConfig

__all__ = ["parameters_of"]

Shape = tuple[int, ...]


def parameters_of(config: ModelConfig) -> list[Parameter]:
    """What the model of a configuration will have: names, shapes, owners; all trainable.

    `structured` and `native` are the canonical names, which is what transformers calls them.

    >>> len(parameters_of(config))  # BERT of 12 layers
    201
    """
    return [
        Parameter(name=name, structured=name, native=name, shape=shape, kind=kind, trainable=True)
        for name, shape, kind in _rows(config)
    ]


def _rows(config: ModelConfig) -> Iterator[tuple[str, Shape, Kind]]:
    width, inner = config.hidden_size, config.intermediate_size
    base = config.family
    yield from _embeddings(config)
    for index in range(config.layers):
        layer = f"{base}.encoder.layer.{index}"
        for name in ("query", "key", "value"):
            yield from _linear(f"{layer}.attention.self.{name}", width, width)
        yield from _linear(f"{layer}.attention.output.dense", width, width)
        yield from _norm(f"{layer}.attention.output.LayerNorm", width)
        yield from _linear(f"{layer}.intermediate.dense", inner, width)
        yield from _linear(f"{layer}.output.dense", width, inner)
        yield from _norm(f"{layer}.output.LayerNorm", width)
    if base == "roberta":  # no pooler: its head has two layers
        yield from _linear("classifier.dense", width, width)
        yield from _linear("classifier.out_proj", config.classes, width)
    else:
        yield from _linear(f"{base}.pooler.dense", width, width)
        yield from _linear("classifier", config.classes, width)


def _embeddings(config: ModelConfig) -> Iterator[tuple[str, Shape, Kind]]:
    tables = {
        "word": config.vocab_size,
        "position": config.max_positions,
        "token_type": config.type_vocab_size,
        "task_type": config.task_type_vocab_size,
    }
    for name, rows in tables.items():
        if rows:
            full = f"{config.family}.embeddings.{name}_embeddings.weight"
            yield full, (rows, config.hidden_size), "embedding"
    yield from _norm(f"{config.family}.embeddings.LayerNorm", config.hidden_size)


def _linear(name: str, out: int, into: int) -> Iterator[tuple[str, Shape, Kind]]:
    yield f"{name}.weight", (out, into), "other"
    yield f"{name}.bias", (out,), "other"


def _norm(name: str, width: int) -> Iterator[tuple[str, Shape, Kind]]:
    yield f"{name}.weight", (width,), "norm"
    yield f"{name}.bias", (width,), "norm"

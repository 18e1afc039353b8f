"""Sequence classification models, from paddlenlp."""

from __future__ import annotations

from typing import Any

import paddle

from dualtrain.model import ModelConfig
from dualtrain_paddle._compat import native_models

__all__ = ["build_linear", "build_model"]


def build_model(config: ModelConfig) -> Any:
    """The family's sequence classification model, in training mode, its weights yet to be loaded.

    Built under `unique_name.guard()`: parameters get the same native names, `linear_0.w_0` and so
    on, each time, so optimizer states saved by one process fit the next.

    Raises `BackendError` when paddlenlp is missing or broken.
    """
    native = native_models()
    family = config.family.capitalize()
    settings = getattr(native, f"{family}Config")(**config.keywords())
    with paddle.utils.unique_name.guard():
        model = getattr(native, f"{family}ForSequenceClassification")(settings)
    if config.family == "roberta":
        # paddlenlp 2.8.1 drops out the head's input twice, transformers once.
        model.dropout.p = 0.0
    embeddings = getattr(model, config.family).embeddings
    _use_padding_row(embeddings.word_embeddings, config.pad_id)
    if config.family == "roberta":
        _use_padding_row(embeddings.position_embeddings, config.pad_id)
    model.train()
    return model


def _use_padding_row(embedding: paddle.nn.Embedding, padding: int) -> None:
    """Read the row of the padding as it is stored, as a constant: no gradient reaches it."""
    embedding._padding_idx = None

    def cut(layer: Any, inputs: Any, output: Any) -> Any:
        return paddle.where((inputs[0] == padding).unsqueeze(-1), output.detach(), output)

    embedding.register_forward_post_hook(cut)


def build_linear(inputs: int, outputs: int) -> Any:
    """One Linear layer, the smallest model that trains: enough to probe optimizer and schedule."""
    return paddle.nn.Linear(inputs, outputs)

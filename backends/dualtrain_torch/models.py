"""Sequence classification models, from transformers."""

from __future__ import annotations

from typing import Any

import torch

from dualtrain.model import ModelConfig
from dualtrain_torch._compat import native_models

__all__ = ["build_linear", "build_model"]


def build_model(config: ModelConfig) -> Any:
    """The family's sequence classification model, in training mode, its weights yet to be loaded.

    Attention is "eager", paddlenlp's formula operator by operator and the one that all three
    families have: transformers' ERNIE has no "sdpa", which is no nearer to paddlenlp elsewhere.

    Raises `BackendError` when transformers is missing or broken.
    """
    native = native_models()
    family = config.family.capitalize()
    settings = getattr(native, f"{family}Config")(**config.keywords(), attn_implementation="eager")
    model = getattr(native, f"{family}ForSequenceClassification")(settings)
    model.train()
    return model


def build_linear(inputs: int, outputs: int) -> Any:
    """One Linear layer, the smallest model that trains: enough to probe optimizer and schedule."""
    return torch.nn.Linear(inputs, outputs)

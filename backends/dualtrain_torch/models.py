"""The models of tasks: encoders with a classification head, from transformers, and perceptrons."""

from __future__ import annotations

from typing import Any

import torch

from dualtrain.errors import BackendError
from dualtrain.tasks import ModelConfig
from dualtrain.tasks.causal_lm import DecoderConfig
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.image_classification import CnnConfig, VitConfig
from dualtrain.tasks.module import ModuleConfig
from dualtrain.tasks.regression import MlpConfig
from dualtrain_torch._compat import native_models
from dualtrain_torch.vision import build_cnn, build_vit

__all__ = ["build_linear", "build_model"]


def build_model(config: ModelConfig) -> Any:
    """The model of a configuration, in training mode, its weights yet to be loaded.

    Raises `BackendError` for a configuration of another class, and for an encoder when
    transformers is missing or broken.
    """
    match config:
        case EncoderConfig():
            model = _encoder(config)
        case DecoderConfig():
            model = _decoder(config)
        case MlpConfig():
            model = _Mlp(config)
        case CnnConfig():
            model = build_cnn(config)
        case VitConfig():
            model = build_vit(config)
        case ModuleConfig():
            model = config.build("torch", torch.nn.Module)
        case _:
            raise BackendError(
                f"a model must be one of a task's. Received: {type(config).__name__}"
            )
    model.train()
    return model


def _encoder(config: EncoderConfig) -> Any:
    """The family's classification model, of texts or of tokens.

    Attention is "eager", paddlenlp's formula operator by operator and the one that all three
    families have: transformers' ERNIE has no "sdpa", which is no nearer to paddlenlp elsewhere.
    """
    native = native_models()
    family = config.family.capitalize()
    settings = getattr(native, f"{family}Config")(**config.keywords(), attn_implementation="eager")
    return getattr(native, config.architecture)(settings)


def _decoder(config: DecoderConfig) -> Any:
    """A GPT-2; GELU by tanh, which is what paddlenlp's means by `gelu`."""
    native = native_models()
    settings = native.GPT2Config(
        vocab_size=config.vocab_size,
        n_embd=config.hidden_size,
        n_layer=config.layers,
        n_head=config.heads,
        n_inner=config.intermediate_size,
        n_positions=config.max_length,
        activation_function="gelu_new",
        embd_pdrop=config.dropout,
        attn_pdrop=config.dropout,
        resid_pdrop=config.dropout,
        use_cache=False,
        attn_implementation="eager",
    )
    return native.GPT2LMHeadModel(settings)


class _Mlp(torch.nn.Module):
    """Linear layers named as `config.layers` has them, the activation between them."""

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        *hidden, output = (build_linear(*sizes) for sizes in config.layers.values())
        self.layers = torch.nn.ModuleList(hidden)
        self.output = output
        self.activation = getattr(torch.nn.functional, config.activation)

    def forward(self, features: Any) -> Any:
        for layer in self.layers:
            features = self.activation(layer(features))
        return self.output(features)


def build_linear(inputs: int, outputs: int) -> Any:
    """One Linear layer, the smallest model that trains: enough to probe optimizer and schedule."""
    return torch.nn.Linear(inputs, outputs)

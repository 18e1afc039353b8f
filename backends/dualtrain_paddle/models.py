"""The models of tasks: encoders with a classification head, from paddlenlp, and perceptrons."""

from __future__ import annotations

from typing import Any

import paddle

from dualtrain.errors import BackendError
from dualtrain.tasks import ModelConfig
from dualtrain.tasks.causal_lm import DecoderConfig
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.image_classification import CnnConfig, VitConfig
from dualtrain.tasks.module import ModuleConfig
from dualtrain.tasks.regression import MlpConfig
from dualtrain_paddle._compat import native_models
from dualtrain_paddle.vision import build_cnn, build_vit

__all__ = ["build_linear", "build_model"]


def build_model(config: ModelConfig) -> Any:
    """The model of a configuration, in training mode, its weights yet to be loaded.

    Built under `unique_name.guard()`: parameters get the same native names, `linear_0.w_0` and so
    on, each time, so optimizer states saved by one process fit the next.

    Raises `BackendError` for a configuration of another class, and for an encoder when paddlenlp
    is missing or broken.
    """
    match config:
        case EncoderConfig():
            model = _encoder(config)
        case DecoderConfig():
            model = _decoder(config)
        case MlpConfig():
            with paddle.utils.unique_name.guard():
                model = _Mlp(config)
        case CnnConfig():
            model = build_cnn(config)
        case VitConfig():
            model = build_vit(config)
        case ModuleConfig():
            with paddle.utils.unique_name.guard():
                model = config.build("paddle", paddle.nn.Layer)
        case _:
            raise BackendError(
                f"a model must be one of a task's. Received: {type(config).__name__}"
            )
    model.train()
    return model


def _encoder(config: EncoderConfig) -> Any:
    """The family's classification model, of texts or of tokens."""
    native = native_models()
    family = config.family.capitalize()
    settings = getattr(native, f"{family}Config")(**config.keywords())
    with paddle.utils.unique_name.guard():
        model = getattr(native, config.architecture)(settings)
    if config.family == "roberta" and not config.per_token:
        # paddlenlp 2.8.1 drops out the head's input twice, transformers once.
        model.dropout.p = 0.0
    encoder = getattr(model, config.family)
    if config.per_token and encoder.pooler is not None:
        # paddlenlp computes it for nothing, transformers has none.
        encoder.pooler = paddle.nn.Identity()
    embeddings = encoder.embeddings
    _use_padding_row(embeddings.word_embeddings, config.pad_id)
    if config.family == "roberta":
        _use_padding_row(embeddings.position_embeddings, config.pad_id)
    return model


def _decoder(config: DecoderConfig) -> Any:
    """GPT with query, key and value in one tensor, as in GPT-2; paddlenlp's default is three."""
    native = native_models()
    settings = native.GPTConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate_size,
        max_position_embeddings=config.max_length,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        fuse_attention_qkv=True,
    )
    with paddle.utils.unique_name.guard():
        return native.GPTForCausalLM(settings)


def _use_padding_row(embedding: paddle.nn.Embedding, padding: int) -> None:
    """Read the row of the padding as it is stored, as a constant: no gradient reaches it."""
    embedding._padding_idx = None

    def cut(layer: Any, inputs: Any, output: Any) -> Any:
        return paddle.where((inputs[0] == padding).unsqueeze(-1), output.detach(), output)

    embedding.register_forward_post_hook(cut)


class _Mlp(paddle.nn.Layer):
    """Linear layers named as `config.layers` has them, the activation between them."""

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        *hidden, output = (build_linear(*sizes) for sizes in config.layers.values())
        self.layers = paddle.nn.LayerList(hidden)
        self.output = output
        self.activation = getattr(paddle.nn.functional, config.activation)

    def forward(self, features: Any) -> Any:
        for layer in self.layers:
            features = self.activation(layer(features))
        return self.output(features)


def build_linear(inputs: int, outputs: int) -> Any:
    """One Linear layer, the smallest model that trains: enough to probe optimizer and schedule."""
    return paddle.nn.Linear(inputs, outputs)

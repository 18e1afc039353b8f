"""A small encoder, for tests that build no model."""

from __future__ import annotations

from dualtrain.tasks.encoders import EncoderConfig

__all__ = ["CONFIG", "CONFIG_JSON"]

CONFIG = EncoderConfig(
    family="bert",
    vocab_size=12,
    hidden_size=4,
    layers=1,
    heads=2,
    intermediate_size=8,
    max_positions=6,
    type_vocab_size=2,
    pad_id=3,
    classes=2,
    hidden_act="gelu",
    layer_norm_eps=1e-12,
    dropout=0.0,
    attention_dropout=0.0,
    classifier_dropout=0.0,
    initializer_range=0.02,
)

CONFIG_JSON = {
    "model_type": "bert",
    "vocab_size": 12,
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 6,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
"""What a folder says of one as small."""

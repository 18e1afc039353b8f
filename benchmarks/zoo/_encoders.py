"""Encoders that classify sentences: BERT, ERNIE, RoBERTa, ELECTRA."""

from __future__ import annotations

from typing import Any

import numpy as np

import dualtrain_paddle
import dualtrain_torch
from benchmarks.zoo._breed import SAMPLES, VOCABULARY, Arrays, Breed, sentences
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.encoders._words import Family
from dualtrain_paddle._compat import native_models as paddlenlp
from dualtrain_torch._compat import native_models as transformers

__all__ = ["BERT", "ELECTRA", "ERNIE", "ROBERTA"]

LENGTH = 12
PAD = 1
CLASSES = 3


def _batch(random: np.random.Generator) -> Arrays:
    """Padded sentences; nine labels in ten are the second token's remainder."""
    tokens = sentences(random, LENGTH)
    lengths = random.integers(3, LENGTH + 1, SAMPLES)
    mask = (np.arange(LENGTH) < lengths[:, None]).astype(np.int64)
    told = random.random(SAMPLES) < 0.9
    return {
        "input_ids": np.where(mask == 1, tokens, PAD),
        "token_type_ids": random.integers(0, 2, (SAMPLES, LENGTH)) * mask,
        "attention_mask": mask,
        "labels": np.where(told, tokens[:, 1] % CLASSES, random.integers(0, CLASSES, SAMPLES)),
    }


def _config(family: Family) -> EncoderConfig:
    return EncoderConfig(
        family=family,
        vocab_size=VOCABULARY,
        hidden_size=32,
        layers=2,
        heads=4,
        intermediate_size=32,
        max_positions=LENGTH + 2,
        type_vocab_size=2,
        pad_id=PAD,
        classes=CLASSES,
        hidden_act="gelu",
        layer_norm_eps=1e-12,
        dropout=0.0,
        attention_dropout=0.0,
        classifier_dropout=0.0,
        initializer_range=0.1,
    )


def _breed(family: Family) -> Breed:
    return Breed(
        in_torch=lambda: dualtrain_torch.build_model(_config(family)),
        in_paddle=lambda: dualtrain_paddle.build_model(_config(family)),
        batch=_batch,
    )


def _electra(package: Any, **settings: Any) -> Any:
    """Its embeddings are narrower than its layers."""
    config = package.ElectraConfig(
        vocab_size=VOCABULARY,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=LENGTH,
        type_vocab_size=2,
        pad_token_id=PAD,
        num_labels=CLASSES,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        classifier_dropout=0.0,
        **settings,
    )
    return package.ElectraForSequenceClassification(config)


BERT = _breed("bert")
ERNIE = _breed("ernie")
ROBERTA = _breed("roberta")
ELECTRA = Breed(
    in_torch=lambda: _electra(transformers(), attn_implementation="eager"),
    in_paddle=lambda: _electra(paddlenlp()),
    batch=_batch,
)

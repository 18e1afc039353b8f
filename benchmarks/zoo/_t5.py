"""T5: an encoder and a decoder, relative positions, one table of tokens for all three uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.zoo._breed import SAMPLES, VOCABULARY, Arrays, Breed, sentences
from dualtrain_paddle._compat import native_models as paddlenlp
from dualtrain_torch._compat import native_models as transformers

__all__ = ["T5", "T5_RELU"]

LENGTH, ANSWER = 10, 6


def _batch(random: np.random.Generator) -> Arrays:
    """The answer is the sentence's beginning, backwards."""
    tokens = sentences(random, LENGTH)
    lengths = random.integers(ANSWER, LENGTH + 1, SAMPLES)
    mask = (np.arange(LENGTH) < lengths[:, None]).astype(np.int64)
    labels = tokens[:, :ANSWER][:, ::-1].copy()
    start = np.zeros((SAMPLES, 1), np.int64)
    return {
        "input_ids": tokens * mask,
        "attention_mask": mask,
        "decoder_input_ids": np.concatenate([start, labels[:, :-1]], axis=1),
        "labels": labels,
    }


def _t5(package: Any, activation: str) -> Any:
    """One layer more in the decoder, so that each stack counts for itself."""
    config = package.T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_decoder_layers=3,
        num_heads=4,
        relative_attention_num_buckets=8,
        feed_forward_proj=activation,
        dropout_rate=0.0,
        use_cache=False,
    )
    return package.T5ForConditionalGeneration(config)


def _breed(activation: str) -> Breed:
    return Breed(
        in_torch=lambda: _t5(transformers(), activation),
        in_paddle=lambda: _t5(paddlenlp(), activation),
        batch=_batch,
        exclude=("norm",),
    )


T5 = _breed("gated-gelu")  # that of T5 1.1
T5_RELU = _breed("relu")

"""The weights a run starts from: the same arrays in every framework.

A fresh tensor depends on the seed and on its own name alone, so neither the order in which a
backend lists parameters nor a tensor more or less changes the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dualtrain.ledger import Parameter, roles_of
from dualtrain.model._checkpoint import read_weights
from dualtrain.model._config import ModelConfig
from dualtrain.spec import Head

__all__ = ["initial_weights"]


def initial_weights(
    parameters: Sequence[Parameter],
    config: ModelConfig,
    *,
    seed: int,
    checkpoint: Path | None,
    head: Head = "stored",
) -> dict[str, NDArray[np.float32]]:
    """Canonical name -> initial weights, float32 in canonical layout, for each parameter.

    checkpoint: a folder to read them from; what it lacks of pooler and classification head is
    fresh, and so is the head where `head` says so. Fresh: a norm's weight is 1, every bias 0, all
    else normal(0, initializer_range).

    Raises `CheckpointError` when the folder's tensors are not the model's.
    """
    stored = {} if checkpoint is None else read_weights(checkpoint, parameters, config, head=head)
    return {
        p.name: stored[p.name] if p.name in stored else _fresh(p, config, seed)
        for p in sorted(parameters, key=lambda p: p.name)
    }


def _fresh(parameter: Parameter, config: ModelConfig, seed: int) -> NDArray[np.float32]:
    roles = roles_of(parameter)
    if "bias" in roles:
        return np.zeros(parameter.shape, np.float32)
    if "norm" in roles:
        return np.ones(parameter.shape, np.float32)
    values = _normal(parameter, seed) * config.initializer_range
    if parameter.name.endswith(".word_embeddings.weight"):
        # As both libraries' own initialization has it; no gradient ever moves it.
        values[config.pad_id] = 0.0
    return values.astype(np.float32)


def _normal(parameter: Parameter, seed: int) -> NDArray[np.float64]:
    """Standard normal numbers; `RandomState`'s stream is the one numpy promises never to change."""
    entropy = np.random.SeedSequence([seed, crc32(parameter.name.encode())])
    random = np.random.RandomState(np.random.MT19937(entropy))
    return random.standard_normal(parameter.shape)

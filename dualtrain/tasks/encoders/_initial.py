"""The weights a run starts from: the same arrays in every framework."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualtrain.tasks._model import ParameterLike, fresh_array
from dualtrain.tasks.encoders._config import EncoderConfig
from dualtrain.tasks.encoders._words import Head
from dualtrain.tasks.encoders.checkpoint import read_weights

__all__ = ["initial_weights"]


def initial_weights(
    parameters: Sequence[ParameterLike],
    config: EncoderConfig,
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


def _fresh(parameter: ParameterLike, config: EncoderConfig, seed: int) -> NDArray[np.float32]:
    values = fresh_array(parameter, seed=seed, deviation=config.initializer_range)
    if parameter.name.endswith(".word_embeddings.weight"):
        # As both libraries' own initialization has it; no gradient ever moves it.
        values[config.pad_id] = 0.0
    return values

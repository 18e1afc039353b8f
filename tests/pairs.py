"""The same model in both frameworks, for the parity tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dualtrain_paddle.arrays
import dualtrain_paddle.models
import dualtrain_torch.arrays
import dualtrain_torch.models
from dualtrain.backend import logits_of
from dualtrain.tasks.encoders import EncoderConfig
from dualtrain.tasks.encoders._initial import initial_weights
from dualtrain.tasks.encoders._words import Family

__all__ = ["FAMILIES", "PADDLE", "SIDES", "TORCH", "Side", "make_batch", "make_config", "make_pair"]

FAMILIES: tuple[Family, ...] = ("bert", "ernie", "roberta")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Side:
    """What the tests use of a backend, as modules."""

    arrays: Any
    parameters: Any
    models: Any
    weights: Any
    """The package itself, which has the verbs."""

    def run(self, model: Any, batch: Arrays) -> NDArray[np.float32]:
        """The model's logits for a batch, in evaluation mode."""
        model.eval()
        inputs = self.arrays.to_device(batch, self.arrays.open_device("cpu"))
        with self.arrays.inference():
            output: NDArray[np.float32] = self.arrays.to_numpy(logits_of(model, inputs))
        return output


TORCH = Side(
    dualtrain_torch.arrays,
    dualtrain_torch.parameters,
    dualtrain_torch.models,
    dualtrain_torch,
)
PADDLE = Side(
    dualtrain_paddle.arrays,
    dualtrain_paddle.parameters,
    dualtrain_paddle.models,
    dualtrain_paddle,
)
SIDES = (TORCH, PADDLE)


def make_config(family: Family, **changes: Any) -> EncoderConfig:
    """A tiny model; every Linear but the last is square, so that no shape tells its layout."""
    fields: dict[str, Any] = {
        "vocab_size": 40,
        "hidden_size": 16,
        "layers": 2,
        "heads": 4,
        "intermediate_size": 16,
        "max_positions": 14,
        "type_vocab_size": 2,
        "pad_id": 1,
        "classes": 3,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "classifier_dropout": 0.1,
        "initializer_range": 0.1,
    }
    return EncoderConfig(family=family, **fields | changes)


def make_batch(config: EncoderConfig, seed: int = 0) -> Arrays:
    """Six samples of 3 tokens to the most the model takes, padded."""
    random = np.random.default_rng(seed)
    shape = (6, config.max_length)
    lengths = np.linspace(3, config.max_length, 6).astype(np.int64)
    mask = (np.arange(config.max_length) < lengths[:, None]).astype(np.int64)
    tokens = random.integers(config.pad_id + 1, config.vocab_size, shape)
    return {
        "input_ids": np.where(mask == 1, tokens, config.pad_id),
        "token_type_ids": random.integers(0, config.type_vocab_size, shape) * mask,
        "attention_mask": mask,
    }


def make_pair(config: EncoderConfig, seed: int = 5) -> tuple[Any, Any]:
    """The model in torch and in Paddle, from the same initial weights."""
    models = tuple(side.models.build_model(config) for side in SIDES)
    for side, model in zip(SIDES, models, strict=True):
        weights = initial_weights(side.parameters(model), config, seed=seed, checkpoint=None)
        side.weights.load_weights(model, weights)
    return models[0], models[1]

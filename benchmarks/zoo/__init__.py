"""The zoo: small models that exist in both frameworks, with the same weights on both sides.

`pair(name)` gives a torch and a Paddle model, micro-batches and a spec, for `fit` as they are: the
default loss fits all of them, since labels are shifted in the data. Dropout is 0. Each model is a
`Breed`: how it is built on each side, and what its batches look like.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

import dualtrain_paddle
import dualtrain_torch
from benchmarks.zoo._breed import Arrays, Breed
from benchmarks.zoo._causal import GPT, LLAMA
from benchmarks.zoo._encoders import BERT, ELECTRA, ERNIE, ROBERTA
from benchmarks.zoo._images import CNN, CNN_RELU
from benchmarks.zoo._t5 import T5, T5_RELU
from dualtrain.backend import Backend
from dualtrain.ledger import Parameter
from dualtrain.parity import Comparison, compare_files
from dualtrain.spec import Spec
from dualtrain.training import fit

__all__ = ["BACKENDS", "KINKED", "NAMES", "Pair", "build", "nudge", "pair", "spec_of", "train"]

_ZOO: dict[str, Breed] = {
    "bert": BERT,
    "ernie": ERNIE,
    "roberta": ROBERTA,
    "electra": ELECTRA,
    "gpt": GPT,
    "t5": T5,
    "llama": LLAMA,
    "cnn": CNN,
}

NAMES = tuple(_ZOO)
"""Of the models. Each has an activation without a kink, so 1,000 updates magnify no rounding."""

KINKED = ("t5, ReLU", "cnn, ReLU")
"""The same with ReLU: there rounding switches units on and off, so that long runs part."""

_ZOO |= dict(zip(KINKED, (T5_RELU, CNN_RELU), strict=True))

BACKENDS: tuple[Backend, Backend] = (dualtrain_torch, dualtrain_paddle)
"""In the order of a pair's models."""


@dataclass(frozen=True)
class Pair:
    """A model in both frameworks, from the same weights, and what to train it on."""

    models: tuple[Any, Any]
    """torch's, Paddle's."""
    batches: list[Arrays]
    """Micro-batches, numpy, each with `labels`."""
    spec: Spec
    """AdamW, warmup, linear decay, decay by role, one clip."""


def pair(name: str, *, updates: int = 20, batches: int = 8, seed: int = 0, **spec: Any) -> Pair:
    """A model of the zoo in both frameworks.

    updates: how many the spec makes. batches: micro-batches in an epoch. spec: fields to change.
    """
    random = np.random.default_rng(seed)
    return Pair(
        (build(name, "torch", seed=seed), build(name, "paddle", seed=seed)),
        [_ZOO[name].batch(random) for _ in range(batches)],
        spec_of(name, updates=updates, **spec),
    )


def build(name: str, backend: str, *, seed: int = 0) -> Any:
    """One side's model, in training mode; its weights follow from the seed, alike on both sides."""
    torch_side, paddle_side = BACKENDS
    breed = _ZOO[name]
    verbs: Backend
    if backend == torch_side.NAME:
        verbs, model = torch_side, breed.in_torch()
    else:
        with paddle.utils.unique_name.guard():  # so that native names repeat
            verbs, model = paddle_side, breed.in_paddle()
    weights = verbs.dump_weights(model)
    kinds = {parameter.name: parameter for parameter in verbs.parameters(model)}
    random = np.random.default_rng(seed)
    verbs.load_weights(
        model, {n: _initial(kinds.get(n), w, random) for n, w in sorted(weights.items())}
    )
    model.train()
    return model


def _initial(
    parameter: Parameter | None, found: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """Normal with a deviation of 0.1; biases 0, norms and running statistics as found."""
    if parameter is None or parameter.kind == "norm":
        return found
    if len(parameter.shape) == 1:
        return np.zeros_like(found)
    return random.normal(0.0, 0.1, parameter.shape).astype(np.float32)


def spec_of(name: str, *, updates: int = 20, **changes: Any) -> Spec:
    """The zoo's spec for one of its models."""
    fields: dict[str, Any] = {
        "optimizer": {"name": "adamw", "lr": 1e-3},
        "schedule": {"name": "linear"},
        "warmup": {"proportion": 0.1},
        "weight_decay": {"value": 0.1, "exclude": _ZOO[name].exclude},
        "clip": {"global_norm": 1.0},
        "duration": {"updates": updates},
    }
    return Spec.model_validate(fields | changes)


def train(name: str, folder: Path, **how: Any) -> Comparison:
    """Train both sides of a pair and compare them, the chaos floor measured beside.

    how: as `pair` takes it. The floor is torch against itself, one weight matrix moved by 1 ULP.
    """
    made, again = pair(name, **how), pair(name, **how).models[0]
    nudge(again)
    for file, model in zip(_FILES, (*made.models, again), strict=True):
        fit(made.spec, model, made.batches, trace=folder / file, output=folder / Path(file).stem)
    a, b, floor = (folder / file for file in _FILES)
    return compare_files(a, b, floors=[floor])


TORCH, PADDLE, AGAIN = _FILES = ("torch.jsonl", "paddle.jsonl", "again.jsonl")
"""The traces that `train` leaves in its folder."""


def nudge(model: Any, matrix: int = 0) -> None:
    """Move a weight matrix of a torch model by 1 ULP, by its number in the order of the layers."""
    side = BACKENDS[0]
    weights = side.dump_weights(model)
    matrices = [p for p in side.parameters(model) if p.kind == "other" and len(p.shape) >= 2]
    name = matrices[matrix].name
    weights[name] = np.nextafter(weights[name], np.float32(np.inf))
    side.load_weights(model, weights)

"""The oracle's model in Paddle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import nn

from tests.oracle.model import EPS, LAYERS, MOMENTUM, VOCABULARY, WIDTH, Architecture

__all__ = [
    "KEEPS_PRODUCTS",
    "RATE_ERROR",
    "ROUNDED",
    "build",
    "capture",
    "hold",
    "own_loss",
    "read",
]

Arrays = dict[str, NDArray[np.float64]]

RATE_ERROR = 2.0**-22
"""Relative, of the rate that an update uses: Paddle's kernels take it, and the numbers beside it,
through float32, whatever the type of the weights; multiplied they are rounded once more."""

KEEPS_PRODUCTS = True
"""Whether b^k of the bias corrections is a running product in the type of the weights. Of b close
to 1, 1 - b^k has lost digits then: 3e-5 of a step for b = 1 - 2^-10 and k = 8 in float32."""

ROUNDED: dict[str, float] = {}
"""Rules with a number that is in float32 always, beside these, and what it can do to a step."""


NORMS = {"layer": nn.LayerNorm, "batch": partial(nn.BatchNorm1D, momentum=1 - MOMENTUM)}


class Embeddings(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, epsilon=EPS)

    def forward(self, tokens: Any) -> Any:
        return self.LayerNorm(self.word_embeddings(tokens))


class Layer(nn.Layer):
    def __init__(self, norm: str) -> None:
        super().__init__()
        self.dense = nn.Linear(WIDTH, WIDTH)
        self.norm = NORMS[norm](WIDTH, epsilon=EPS)

    def forward(self, h: Any) -> Any:
        return h + self.norm(paddle.tanh(self.dense(h)))


class Encoder(nn.Layer):
    def __init__(self, norm: str) -> None:
        super().__init__()
        self.layer = nn.LayerList([Layer(norm) for _ in range(LAYERS)])


class Tied(nn.Layer):
    """A classifier that shares its weight, which is (classes, width) as an embedding is."""

    def __init__(self, weight: Any) -> None:
        super().__init__()
        self.weight = weight
        self.bias = self.create_parameter([VOCABULARY], is_bias=True)

    def forward(self, h: Any) -> Any:
        return paddle.matmul(h, self.weight, transpose_y=True) + self.bias


class Model(nn.Layer):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.embeddings = Embeddings()
        self.encoder = Encoder(architecture.norm)
        if architecture.tied:
            self.classifier = Tied(self.embeddings.word_embeddings.weight)
        else:
            self.classifier = nn.Linear(WIDTH, architecture.classes)
        self.seen: Callable[[Any], None] | None = None

    def forward(self, tokens: Any) -> Any:
        if self.seen is not None and self.training:
            self.seen(self)
        h = self.embeddings(tokens)
        if not self.architecture.per_token:
            h = h.mean(1)
        for layer in self.encoder.layer:
            h = layer(h)
        return self.classifier(h)


def build(architecture: Architecture, weights: Mapping[str, Any], dtype: str) -> Any:
    """The model with these weights, in training; `seen` is called at each forward pass then."""
    usual = paddle.get_default_dtype()
    wanted: Any = dtype  # the stubs list the names
    paddle.set_default_dtype(wanted)
    try:
        model = Model(architecture)
    finally:
        paddle.set_default_dtype(usual)
    for name, (tensor, transposed) in _tensors(model).items():
        array = np.array(weights[name].T if transposed else weights[name], order="C")
        tensor.set_value(array.astype(dtype))
    model.train()
    return model


def read(model: Any) -> Arrays:
    """Canonical name -> a copy, running statistics too."""
    return {
        name: _canonical(tensor.numpy(), transposed).astype(np.float64)
        for name, (tensor, transposed) in _tensors(model).items()
    }


def capture(model: Any, take: Callable[[str, NDArray[Any]], None]) -> None:
    """Let `take` have every gradient of every backward pass, before it is added to the others."""

    def hook(name: str, transposed: bool) -> Callable[[Any], None]:
        def taken(g: Any) -> None:
            if g is not None:  # a kernel that gives none where there is one
                take(name, _canonical(g.numpy(), transposed))

        return taken

    for name, (tensor, transposed) in _tensors(model).items():
        if not tensor.stop_gradient:
            tensor.register_hook(hook(name, transposed))


def hold(model: Any, name: str) -> None:
    """As a user holds a parameter still."""
    _tensors(model)[name][0].stop_gradient = True


def own_loss(model: Any, tensors: Mapping[str, Any]) -> Any:
    """A loss of the caller's own: cross-entropy in the model's type, beyond 64 too."""
    logits = model(tensors["tokens"])
    log_p = logits - paddle.logsumexp(logits, -1, keepdim=True)
    return -(tensors["q"] * log_p).sum()


_STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}


def _canonical(array: Any, transposed: bool) -> Any:
    return np.array(array.T if transposed else array, order="C")


def _tensors(model: Any) -> dict[str, tuple[Any, bool]]:
    """Canonical name -> tensor, and whether it is the other way round: a Linear's weight is."""
    found: dict[str, tuple[Any, bool]] = {}
    seen: set[int] = set()
    for path, layer in model.named_sublayers():
        for attribute, tensor in layer.named_parameters(include_sublayers=False):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                name = f"{path}.{_STATISTICS.get(attribute, attribute)}"
                found[name] = tensor, isinstance(layer, nn.Linear) and attribute == "weight"
    return found

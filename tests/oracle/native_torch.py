"""The oracle's model in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

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

RATE_ERROR = 0.0
"""Relative, of the rate that an update uses: torch's optimizers have it in float64."""

KEEPS_PRODUCTS = False
"""Whether b^k of the bias corrections is a running product in the type of the weights: torch takes
the power anew."""

ROUNDED = {"nadam": 2.0**-20}
"""Rules with a number that is in float32 always, and what it can do to a step: torch 2.13 keeps
NAdam's product of the c_k so."""


NORMS = {"layer": nn.LayerNorm, "batch": partial(nn.BatchNorm1d, momentum=MOMENTUM)}


class Embeddings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPS)

    def forward(self, tokens: Any) -> Any:
        return self.LayerNorm(self.word_embeddings(tokens))


class Layer(nn.Module):
    def __init__(self, norm: str) -> None:
        super().__init__()
        self.dense = nn.Linear(WIDTH, WIDTH)
        self.norm = NORMS[norm](WIDTH, eps=EPS)

    def forward(self, h: Any) -> Any:
        return h + self.norm(torch.tanh(self.dense(h)))


class Encoder(nn.Module):
    def __init__(self, norm: str) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Layer(norm) for _ in range(LAYERS)])


class Model(nn.Module):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.embeddings = Embeddings()
        self.encoder = Encoder(architecture.norm)
        self.classifier = nn.Linear(WIDTH, architecture.classes)
        if architecture.tied:
            self.classifier.weight = self.embeddings.word_embeddings.weight
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
    model = Model(architecture).to(getattr(torch, dtype))
    with torch.no_grad():
        for name, tensor in _tensors(model).items():
            tensor.copy_(torch.from_numpy(np.array(weights[name])))
    return model.train()


def read(model: Any) -> Arrays:
    """Canonical name -> a copy, running statistics too."""
    return {n: t.detach().double().numpy().copy() for n, t in _tensors(model).items()}


def capture(model: Any, take: Callable[[str, NDArray[Any]], None]) -> None:
    """Let `take` have every gradient of every backward pass, before it is added to the others."""

    def hook(name: str) -> Callable[[Any], None]:
        return lambda g: take(name, g.detach().numpy().copy())

    for name, p in model.named_parameters():
        if p.requires_grad:
            p.register_hook(hook(name))


def hold(model: Any, name: str) -> None:
    """As a user holds a parameter still."""
    _tensors(model)[name].requires_grad = False


def own_loss(model: Any, tensors: Mapping[str, Any]) -> Any:
    """A loss of the caller's own: cross-entropy in the model's type."""
    log_p = torch.nn.functional.log_softmax(model(tensors["tokens"]), -1)
    return -(tensors["q"] * log_p).sum()


def _tensors(model: Any) -> dict[str, Any]:
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {n: t for n, t in found.items() if not n.endswith("num_batches_tracked")}

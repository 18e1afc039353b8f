"""A small model, forward and backward by hand in float64.

    tokens -> embeddings.word_embeddings -> embeddings.LayerNorm [-> mean over positions]
    -> h + norm(tanh(dense(h))) for encoder.layer.0 and .1 -> classifier

It has every role (bias, norm, embedding, one_dimensional), numbered layers, running statistics if
`norm` is "batch", and a classifier whose weight may be the embedding's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EPS",
    "LAYERS",
    "MOMENTUM",
    "VOCABULARY",
    "WIDTH",
    "Architecture",
    "Pass",
    "backward",
    "forward",
    "initial",
    "roles",
    "shapes",
    "statistics",
]

Array = NDArray[np.float64]
Weights = Mapping[str, Array]

LAYERS, WIDTH, VOCABULARY, CLASSES = 2, 4, 7, 5
EPS, MOMENTUM = 2.0**-17, 0.125
"""Of norms: numbers that float32 holds, for Paddle's kernels take them so. MOMENTUM is the share of
the batch in running statistics, torch's momentum."""


@dataclass(frozen=True)
class Architecture:
    """Which of the variants."""

    norm: Literal["layer", "batch"] = "layer"
    """Of the encoder's layers; batch needs one row per sample."""
    per_token: bool = False
    """A label per position, not per sample."""
    tied: bool = False
    """The classifier's weight is the embedding's."""

    @property
    def classes(self) -> int:
        """The last axis of the logits."""
        return VOCABULARY if self.tied else CLASSES


EMBEDDING = "embeddings.word_embeddings.weight"


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every parameter, in the order of the modules; a Linear's weight is (out, in)."""
    found: dict[str, tuple[int, ...]] = {EMBEDDING: (VOCABULARY, WIDTH)}
    found |= {f"embeddings.LayerNorm.{kind}": (WIDTH,) for kind in ("weight", "bias")}
    for i in range(LAYERS):
        found[f"encoder.layer.{i}.dense.weight"] = (WIDTH, WIDTH)
        found[f"encoder.layer.{i}.dense.bias"] = (WIDTH,)
        found |= {f"encoder.layer.{i}.norm.{kind}": (WIDTH,) for kind in ("weight", "bias")}
    if not architecture.tied:
        found["classifier.weight"] = (CLASSES, WIDTH)
    found["classifier.bias"] = (architecture.classes,)
    return found


def statistics(architecture: Architecture) -> list[str]:
    """The running statistics."""
    if architecture.norm == "layer":
        return []
    kinds = ("running_mean", "running_var")
    return [f"encoder.layer.{i}.norm.{kind}" for i in range(LAYERS) for kind in kinds]


def roles(name: str) -> set[str]:
    """Known, not guessed: the names are this model's own."""
    found = set()
    if name.endswith(".bias"):
        found.add("bias")
    if ".norm." in name or ".LayerNorm." in name:
        found.add("norm")
    if name == EMBEDDING:
        found.add("embedding")
    if found & {"bias", "norm"}:
        found.add("one_dimensional")
    return found


def initial(architecture: Architecture, random: np.random.Generator) -> dict[str, Array]:
    """Weights that float32 holds, no two alike, so that none stands for another."""
    drawn = {n: random.normal(0.0, 0.5, s) for n, s in shapes(architecture).items()}
    for name in drawn:
        if name.endswith(("norm.weight", "LayerNorm.weight")):
            drawn[name] = 1.0 + 0.2 * drawn[name]
    for name in statistics(architecture):
        mean = name.endswith("mean")
        drawn[name] = random.normal(0, 0.3, WIDTH) if mean else random.uniform(0.5, 2.0, WIDTH)
    return {n: w.astype(np.float32).astype(np.float64) for n, w in drawn.items()}


@dataclass
class Pass:
    """A forward pass: what came out, and what the way back needs."""

    logits: Array
    statistics: dict[str, Array]
    """Running statistics after it."""
    kept: dict[str, Any]


def forward(
    architecture: Architecture,
    w: Weights,
    tokens: NDArray[Any],
    still: frozenset[int],
    rounded: Callable[[Array], Array] = lambda x: x,
    rule: str = "paddle",
) -> Pass:
    """In training. still: the layers whose batch norm keeps its statistics and uses them.

    rule: of the running variance.

    rounded: what a type of fewer digits makes of each number on the way.
    """
    kept: dict[str, Any] = {"tokens": tokens}
    after: dict[str, Array] = {}
    h, kept["first"] = _layer_norm(w, "embeddings.LayerNorm", w[EMBEDDING][tokens])
    if not architecture.per_token:
        h = h.mean(axis=1)
    h = rounded(h)
    for i in range(LAYERS):
        path = f"encoder.layer.{i}"
        z = rounded(np.tanh(h @ w[f"{path}.dense.weight"].T + w[f"{path}.dense.bias"]))
        if architecture.norm == "layer":
            y, norm = _layer_norm(w, f"{path}.norm", z)
        else:
            y, norm, moved = _batch_norm(w, f"{path}.norm", z, rule, still=i in still)
            after |= moved
        kept[path] = (h, z, norm)
        h = rounded(h + y)
    kept["last"] = h
    head = w[EMBEDDING] if architecture.tied else w["classifier.weight"]
    return Pass(h @ head.T + w["classifier.bias"], after, kept)


def backward(
    architecture: Architecture, w: Weights, done: Pass, d_logits: Array
) -> dict[str, Array]:
    """The gradient of every parameter."""
    g = {name: np.zeros(shape) for name, shape in shapes(architecture).items()}
    head = EMBEDDING if architecture.tied else "classifier.weight"
    last = done.kept["last"].reshape(-1, WIDTH)
    rows = d_logits.reshape(-1, architecture.classes)
    g[head] += rows.T @ last
    g["classifier.bias"] += rows.sum(0)
    d = d_logits @ w[head]
    for i in reversed(range(LAYERS)):
        path = f"encoder.layer.{i}"
        h, z, norm = done.kept[path]
        d_z = _norm_back(g, w, f"{path}.norm", norm, d) * (1 - z**2)
        flat = d_z.reshape(-1, WIDTH)
        g[f"{path}.dense.weight"] += flat.T @ h.reshape(-1, WIDTH)
        g[f"{path}.dense.bias"] += flat.sum(0)
        d = d + d_z @ w[f"{path}.dense.weight"]
    tokens = done.kept["tokens"]
    if not architecture.per_token:
        d = np.repeat(d[:, None] / tokens.shape[1], tokens.shape[1], axis=1)
    d = _norm_back(g, w, "embeddings.LayerNorm", done.kept["first"], d)
    np.add.at(g[EMBEDDING], tokens.ravel(), d.reshape(-1, WIDTH))
    return g


@dataclass
class _Norm:
    """axis: over which mean and variance are taken; None where they are given."""

    x: Array
    deviation: Array
    axis: int | None


def _layer_norm(w: Weights, path: str, x: Array) -> tuple[Array, _Norm]:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + EPS)
    normal = _Norm(centred / deviation, deviation, -1)
    return normal.x * w[f"{path}.weight"] + w[f"{path}.bias"], normal


def _batch_norm(
    w: Weights, path: str, x: Array, rule: str, *, still: bool
) -> tuple[Array, _Norm, dict[str, Array]]:
    """The running variance follows that which the layer divides by, or torch's larger one."""
    names = f"{path}.running_mean", f"{path}.running_var"
    running = [w[name] for name in names]
    of_batch = running if still else [x.mean(0), x.var(0)]
    deviation = np.sqrt(of_batch[1] + EPS)
    normal = _Norm((x - of_batch[0]) / deviation, deviation, None if still else 0)
    followed = [of_batch[0], of_batch[1] * (len(x) / (len(x) - 1) if rule == "torch" else 1.0)]
    moved = {
        name: (1 - MOMENTUM) * old + MOMENTUM * new
        for name, old, new in zip(names, running, followed, strict=True)
    }
    y = normal.x * w[f"{path}.weight"] + w[f"{path}.bias"]
    return y, normal, dict(zip(names, running, strict=True)) if still else moved


def _norm_back(g: dict[str, Array], w: Weights, path: str, norm: _Norm, d: Array) -> Array:
    flat = d.reshape(-1, WIDTH)
    g[f"{path}.weight"] += (flat * norm.x.reshape(-1, WIDTH)).sum(0)
    g[f"{path}.bias"] += flat.sum(0)
    d_x = d * w[f"{path}.weight"]
    if norm.axis is None:
        return d_x / norm.deviation
    mean = d_x.mean(norm.axis, keepdims=True)
    along = (d_x * norm.x).mean(norm.axis, keepdims=True)
    result: Array = (d_x - mean - norm.x * along) / norm.deviation
    return result

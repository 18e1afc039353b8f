"""Batch normalisation over the rows of several processes: as one process has it over all of them.

The frameworks' own `SyncBatchNorm` are for GPUs alone. Here two sums over the processes, through
which gradients flow, give the mean, and then the variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dualtrain.backend._named import type_of
from dualtrain.errors import BackendError, DataError
from dualtrain.spec import BatchNormRule

if TYPE_CHECKING:
    from dualtrain.backend._verbs import Verbs

__all__ = ["Counts", "is_shared", "share_batch_norms"]

Counts = Callable[[], bool | None]
"""Whether this process's rows count in the forward pass of now; None where it has all rows."""


def share_batch_norms(
    verbs: Verbs, model: Any, rule: BatchNormRule, counts: Counts
) -> Callable[[], None]:
    """Let the batch norms of a model have the rows of all processes; returns what ends that.

    Raises `BackendError` for one that trains and whose forward pass is not the framework's own.
    """
    norms, shared = verbs.batch_norms, []
    for path, layer in verbs.modules(model).items():
        if norms.is_native(layer) and not _is_patched(layer):
            shared.append(layer)
        elif _may_train(verbs, layer, model):
            raise BackendError(
                "with several processes a batch norm that trains must be the framework's own, for "
                "its mean and variance are then those of all rows: take that, or put it into "
                f"evaluation mode. Received: {path!r}, a {type(layer).__name__} with a forward "
                "pass of its own"
            )
    for layer in shared:
        layer.forward = _Forward(verbs, layer, rule, counts)

    def undo() -> None:
        for layer in shared:
            del layer.forward

    return undo


def is_shared(layer: Any) -> bool:
    """Whether the layer's forward pass of now is over the rows of all processes."""
    forward = layer.forward
    return isinstance(forward, _Forward) and forward.is_shared


def _is_patched(layer: Any) -> bool:
    """Whether somebody has given this layer alone another forward pass."""
    return getattr(layer.forward, "__func__", None) is not type(layer).forward


def _may_train(verbs: Verbs, layer: Any, model: Any) -> bool:
    """Whether a layer is a batch norm that trains, by its name; not what only holds one."""
    if "BatchNorm" not in type(layer).__name__ or (model.training and not layer.training):
        return False
    inner = (module for path, module in verbs.modules(layer).items() if path)
    return not any(map(verbs.batch_norms.is_native, inner))


class _Forward:
    """In place of a layer's `forward`, which it still is where a process has all rows."""

    def __init__(self, verbs: Verbs, layer: Any, rule: BatchNormRule, counts: Counts) -> None:
        self._verbs, self._norms = verbs, verbs.batch_norms
        self._layer, self._rule, self._counts = layer, rule, counts

    @property
    def is_shared(self) -> bool:
        """Whether it normalises by a batch of which each process has a part."""
        return self._counts() is not None and self._norms.takes_batch(self._layer)

    def __call__(self, given: Any) -> Any:
        """y = (x - mean) / sqrt(variance + eps) weight + bias, of each channel; in float32."""
        verbs, norms, layer = self._verbs, self._norms, self._layer
        if not self.is_shared:
            return type(layer).forward(layer, given)
        own = type_of(given)
        x = given if own == "float64" else verbs.cast(given, "float32")
        axis = norms.channel_axis(layer) % x.ndim
        others = [i for i in range(x.ndim) if i != axis]
        by_channel = [-1 if i == axis else 1 for i in range(x.ndim)]
        here, part = math.prod(x.shape) // x.shape[axis], 1.0 if self._counts() else 0.0
        total, n = norms.summed(x.sum(others) * part, here * part)
        if here == 1 and float(n) == 1.0:
            raise DataError(
                "batch normalisation in training must have more than one element a channel, over "
                "all processes: a larger batch, or the layer in eval(). Received: an input of "
                f"shape {tuple(x.shape)}"
            )
        mean = total / n
        apart = x - mean.reshape(by_channel)
        squares, _ = norms.summed((apart * apart).sum(others) * part, 0.0)
        variance = squares / n
        self._move(mean.detach(), variance.detach(), n)
        scale = (variance + norms.eps(layer)) ** -0.5
        y = apart * scale.reshape(by_channel)
        if layer.weight is not None:
            y = y * layer.weight.reshape(by_channel)
        if layer.bias is not None:
            y = y + layer.bias.reshape(by_channel)
        return verbs.cast(y, own)

    def __reduce__(self) -> tuple[Any, ...]:
        """Of a copy of the layer its own forward pass: the copy is no part of the run."""
        return getattr, (self._layer, "forward")

    def _move(self, mean: Any, variance: Any, n: Any) -> None:
        """Take a batch into the running statistics, by the rule: see `use_rule`."""
        norms, layer = self._norms, self._layer
        norms.count(layer)
        moved = norms.variance(layer)
        if moved is None:
            return
        with self._verbs.inference():
            if self._rule == "torch":
                variance = variance * (n / (n - 1))
            for held, new in ((norms.mean(layer), mean), (moved, variance)):
                norms.add(held, (new - held.detach()) * norms.share(layer))

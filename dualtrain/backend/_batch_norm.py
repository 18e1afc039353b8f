"""The running variance of batch normalisation, by the rule that the spec names.

A layer's own rule is its framework's. To follow the other one, what a forward pass has added to the
running variance is put right afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from dualtrain.backend._shared_batch_norm import is_shared
from dualtrain.errors import BackendError
from dualtrain.spec import BatchNormRule

__all__ = ["BatchNorms", "running_variances", "use_rule"]

_RULE = "dualtrain_batch_norm"
"""Where a layer in a run keeps the rule that it follows."""
_BEFORE = "dualtrain_running_variance"
"""And, during a forward pass, its running variance before, if that is to be put right."""


class BatchNorms(Protocol):
    """What a backend says of its batch norms."""

    RULE: BatchNormRule
    """The one that they follow by themselves."""

    def layers(self, model: Any) -> list[Any]:
        """Those of a model that have running statistics."""
        ...

    def variance(self, layer: Any) -> Any:
        """The running variance, where a forward pass of now moves it; else None."""
        ...

    def share(self, layer: Any) -> float:
        """The share of the last batch's variance in the running one: torch's momentum."""
        ...

    def add(self, statistic: Any, amount: Any) -> None:
        """Add to a running statistic in place, unseen by the backward pass that is to come."""
        ...

    def after(self, layer: Any, hook: Callable[[Any, Any, Any], None]) -> Any:
        """Have a hook called after each forward pass; what removes it, by `remove()`."""
        ...

    def is_native(self, layer: Any) -> bool:
        """Whether a module is a batch norm with the framework's own forward pass."""
        ...

    def takes_batch(self, layer: Any) -> bool:
        """Whether a forward pass of training normalises by the batch."""
        ...

    def channel_axis(self, layer: Any) -> int:
        """Of its inputs."""
        ...

    def eps(self, layer: Any) -> float:
        """What is added to the variance."""
        ...

    def mean(self, layer: Any) -> Any:
        """The running mean, where there is a running variance."""
        ...

    def count(self, layer: Any) -> None:
        """Count a batch, where the layer does."""
        ...

    def summed(self, vector: Any, number: float) -> tuple[Any, Any]:
        """The sums over all processes of a vector, with its gradient, and of a number, (1,)."""
        ...

    def check(self, layer: Any, inputs: Any) -> None:
        """Refuse an input that has no variance, where the framework itself does not."""
        ...


def use_rule(norms: BatchNorms, model: Any, rule: BatchNormRule) -> Callable[[], None]:
    """Let a model's batch norms follow a rule; returns what gives them their own one back.

    With m the share of the new, n the elements of a channel and v the mean of their squared
    deviations, running variance <- (1 - m) running variance + m v by Paddle's rule, + m v n /
    (n - 1) by torch's: twice as much at n = 2. Layers that an earlier run has left under the same
    rule stay that run's affair. Raises `BackendError` for one under another rule.
    """
    layers = norms.layers(model)
    for layer in layers:
        if getattr(layer, _RULE, rule) != rule:
            raise BackendError(
                "batch_norm: a model follows one rule at a time: close() the run that it is in. "
                f"Received: {rule!r}, in a run with {getattr(layer, _RULE)!r}"
            )
    taken = [layer for layer in layers if not hasattr(layer, _RULE)]
    handles = []
    for layer in taken:
        setattr(layer, _RULE, rule)
        handles.append(layer.register_forward_pre_hook(_Before(norms, rule)))
        if rule != norms.RULE:
            setattr(layer, _BEFORE, None)
            handles.append(norms.after(layer, _After(norms)))

    def undo() -> None:
        for handle in handles:
            handle.remove()
        for layer in taken:
            for name in (_RULE, _BEFORE):
                if hasattr(layer, name):
                    delattr(layer, name)

    return undo


def running_variances(modules: Iterable[Any]) -> Iterator[str]:
    """A note where batch norms follow a rule that is not their framework's."""
    for module in modules:
        if hasattr(module, _BEFORE):
            whole, part = "all n elements", "n - 1"
            first, second = (whole, part) if getattr(module, _RULE) == "paddle" else (part, whole)
            yield f"running variances of batch norms are of {first}, not of {second}"
            return


class _Before:
    """A hook before each forward pass; an object, so that a model in a run can be pickled."""

    def __init__(self, norms: BatchNorms, rule: BatchNormRule) -> None:
        self._norms, self._corrects = norms, rule != norms.RULE

    def __call__(self, layer: Any, inputs: Any) -> None:
        if is_shared(layer):  # which counts the rows of all, and follows the rule by itself
            return
        self._norms.check(layer, inputs)
        if self._corrects:
            variance = self._norms.variance(layer)
            setattr(layer, _BEFORE, None if variance is None else variance.detach().clone())


class _After:
    """The hook after it."""

    def __init__(self, norms: BatchNorms) -> None:
        self._norms = norms

    def __call__(self, layer: Any, inputs: Any, output: Any) -> None:
        before, variance = getattr(layer, _BEFORE), self._norms.variance(layer)
        if before is None or variance is None:  # a hook in between may have switched training off
            return
        setattr(layer, _BEFORE, None)
        n = math.prod(output.shape) // variance.shape[0]
        moved = variance - before * (1.0 - self._norms.share(layer))
        self._norms.add(variance, moved / (n - 1 if self._norms.RULE == "paddle" else -n))

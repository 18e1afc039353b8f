"""Calling a model whoever wrote it: give it what it takes, find the logits in what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dualtrain.errors import BackendError

__all__ = ["logits_of"]


def logits_of(model: Any, inputs: Mapping[str, Any]) -> Any:
    """The model's logits for a batch, shape (samples, classes).

    inputs: the batch's tensors by name. Those that the model's `forward` names are passed, so a
    model without token types needs no wrapper; labels never are, since the loss is computed
    outside. The model returns the logits, a tuple that starts with them, or an object or a mapping
    that has them as `logits`.

    Raises `BackendError` for a model that takes or returns anything else.
    """
    takes = _takes(getattr(model.forward, "__func__", model.forward))
    accepted = {n: tensor for n, tensor in inputs.items() if n != "labels" and takes(n)}
    if not accepted:
        raise BackendError(
            f"the model's forward must take at least one of {', '.join(inputs)} by name. "
            f"Received: forward{inspect.signature(model.forward)}"
        )
    if _needs_labels(getattr(model.forward, "__func__", model.forward)):
        raise BackendError(
            "the model's forward must do without labels, which are never passed, for the loss is "
            "computed outside: give them a default, or a loss of your own: fit(loss=). "
            f"Received: forward{inspect.signature(model.forward)}"
        )
    output = model(**accepted)
    logits = _logits_in(output)
    if not hasattr(logits, "detach"):
        raise BackendError(
            "the model must return a tensor, a tuple that starts with one, or an object with "
            f".logits{_own_loss(output)}. Received: {type(output).__name__}"
        )
    return logits


def _logits_in(output: Any) -> Any:
    if isinstance(output, tuple) and not hasattr(output, "logits"):
        return output[0] if output else None
    if isinstance(output, Mapping):
        return output.get("logits")
    return getattr(output, "logits", output)


def _own_loss(output: Any) -> str:
    """What to do with a model that gives a loss and no logits."""
    has_one = "loss" in output if isinstance(output, Mapping) else hasattr(output, "loss")
    if not has_one:
        return ""
    return (
        "; the loss that it computes is a mean over what only you know: give their sum as a loss "
        "of your own: fit(loss=lambda model, batch: model(**batch).loss * number of targets)"
    )


@lru_cache(maxsize=64)
def _takes(forward: Callable[..., Any]) -> Callable[[str], bool]:
    """Whether a keyword is one that `forward` takes; a signature costs more than a small model."""
    parameters = inspect.signature(forward).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return lambda name: takes_all or name in parameters


@lru_cache(maxsize=64)
def _needs_labels(forward: Callable[..., Any]) -> bool:
    asked = inspect.signature(forward).parameters.get("labels")
    return asked is not None and asked.default is asked.empty

"""The verbs of an update in which the optimizers differ; the core does the rest."""

from __future__ import annotations

from typing import Any

__all__ = [
    "clear_gradients",
    "held",
    "learning_rate",
    "momentum",
    "set_momentum",
    "skip_step",
]


def held(optimizer: Any) -> list[Any]:
    """The parameters that an optimizer moves."""
    return list(optimizer._parameter_list)


def learning_rate(optimizer: Any) -> float:
    """The rate that the optimizer's next step uses, before multipliers and rounding to float32."""
    return float(optimizer.get_lr())


def clear_gradients(optimizer: Any) -> None:
    """Set every gradient to None, so that a parameter without one stands still.

    Paddle's default leaves zeros, with which momentum and decay go on moving it.
    """
    optimizer.clear_grad(set_to_zero=False)


def momentum(optimizer: Any) -> float:
    """The momentum that the optimizer's next step uses."""
    return float(optimizer._momentum)


def set_momentum(optimizer: Any, momentum: float) -> None:
    """Set the momentum that the optimizer's next step uses; Paddle has no public way."""
    optimizer._momentum = momentum


def skip_step(optimizer: Any) -> None:
    """In place of `step()` when an update is skipped: Paddle's schedules do not ask."""

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
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def learning_rate(optimizer: Any) -> float:
    """The rate that the optimizer's next step uses, before multipliers: the first group's is 1."""
    return float(optimizer.param_groups[0]["lr"])


def clear_gradients(optimizer: Any) -> None:
    """Set every gradient to None, so that a parameter without one stands still."""
    optimizer.zero_grad(set_to_none=True)


def momentum(optimizer: Any) -> float:
    """The momentum that the optimizer's next step uses."""
    return float(optimizer.param_groups[0]["momentum"])


def set_momentum(optimizer: Any, momentum: float) -> None:
    """Set the momentum that the optimizer's next step uses."""
    for group in optimizer.param_groups:
        group["momentum"] = momentum


def skip_step(optimizer: Any) -> None:
    """In place of `step()` when an update is skipped: torch's schedules ask whether one was."""
    optimizer._opt_called = True  # or torch warns that the schedule is stepped before it

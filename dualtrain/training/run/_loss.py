"""One micro-batch's loss as a run takes it: what is refused, and by what it is divided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dualtrain.errors import DataError, PlanError

__all__ = ["MicroLoss", "check_loss", "divisor_of"]


@dataclass(frozen=True)
class MicroLoss:
    """A micro-batch's part in the loss of its update: given / divisor."""

    given: Any
    """A scalar tensor on the device, without its graph."""
    divisor: float
    targets: float | None
    """given / targets is the micro-batch's own mean; None where nobody knows."""

    @classmethod
    def of(cls, loss: Any, divisor: float, usual: int, normalise: str) -> MicroLoss:
        """Of a loss given to `Run.step`: of a sum nobody says how many targets are its own.

        usual: what a mean is divided by, `Plan.divisor`.
        """
        counted = normalise != "token_mean"
        return cls(loss.detach(), divisor, divisor / usual if counted else None)


def check_loss(loss: Any) -> None:
    """Refuse what torch refuses in words of its own and Paddle takes for something else."""
    shape = getattr(loss, "shape", None)
    if shape is None or math.prod(shape) != 1:
        told = loss if shape is None else f"a {type(loss).__name__} of shape {tuple(shape)}"
        raise DataError(f"a loss must be a tensor of one number. Received: {told}")
    if loss.is_leaf:
        raise DataError(
            "a loss must be computed from parameters that train. Received: one that does not "
            "depend on any"
        )


def divisor_of(divisor: float | None, usual: int, normalise: str) -> float:
    """The divisor that `Run.step` was given, or what a mean is divided by where that is meant."""
    if divisor is not None:
        if not 0 < divisor < math.inf:
            raise PlanError(f"the divisor must be a positive, finite number. Received: {divisor}")
        return divisor
    if normalise == "token_mean":
        raise PlanError(
            "with batch.normalise 'token_mean' step() needs the divisor: the number of "
            "counted targets in the whole group. Received: None"
        )
    return usual

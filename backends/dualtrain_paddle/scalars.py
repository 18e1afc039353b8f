"""The numbers of an update, where Paddle's optimizers hold others than float64's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dualtrain.state import Scalars, TensorState

__all__ = ["scalars"]


def scalars(optimizer: Any, before: TensorState, after: TensorState) -> dict[str, Scalars]:
    """Canonical name -> what an update from `before` to `after` computed with.

    Of the parameters that it moved. Paddle's kernels hold their numbers in the type of the tensors,
    most of them in float32 even where that is float64, and go on with powers that they round.
    """
    native = type(optimizer).__name__
    powers = _POWERS.get(native, _of_none)
    if native == "ByRule":  # over tensors Paddle computes with Python's numbers, rounded once
        return {}
    found: dict[str, Scalars] = {}
    for name in after.optimizer:
        dtype = np.dtype(after.weights[name].dtype)
        single = dtype == np.float32 or native not in _DOUBLE
        held = _Held(optimizer, dtype.type, name, before, after)
        found[name] = Scalars(single=single, powers=powers(held))
    return found


class _Held:
    """A parameter's powers, before the update and after it."""

    def __init__(
        self, optimizer: Any, dtype: Any, name: str, before: TensorState, after: TensorState
    ) -> None:
        self.optimizer, self.dtype = optimizer, dtype
        self._name, self._before, self._after = name, before, after

    def rounded(self, attribute: str) -> Any:
        """A number of the optimizer, in float32 as a kernel takes it, then in its own type."""
        return self.dtype(np.float32(getattr(self.optimizer, attribute)))

    def before(self, power: str, attribute: str) -> float:
        """As it was; before the first update it is the base."""
        held = self._before.own.get(f"power/{power}/{self._name}")
        base = self.dtype(getattr(self.optimizer, attribute))
        return float(base if held is None else held)

    def after(self, power: str) -> Any:
        """As the update has left it."""
        return self.dtype(self._after.own[f"power/{power}/{self._name}"])


def _of_none(held: _Held) -> dict[str, float]:
    return {}


def _of_adam(held: _Held) -> dict[str, float]:
    """The power of this update was made by the last one."""
    return {
        "beta1": held.before("beta1_pow_acc", "_beta1"),
        "beta2": held.before("beta2_pow_acc", "_beta2"),
    }


def _of_adamax(held: _Held) -> dict[str, float]:
    return {"beta1": held.before("beta1_pow_acc", "_beta1")}


def _of_nadam(held: _Held) -> dict[str, float]:
    """0.96^(k decay) is a power of 0.96^k, which falls below float32's numbers after 2,500 updates.

    The update makes its own powers.
    """
    falling = held.after("momentum_decay_pow") ** held.rounded("_momentum_decay")
    return {"beta2": float(held.after("beta2_pow")), "falling": float(falling)}


def _of_radam(held: _Held) -> dict[str, float]:
    """The length of the average is what is left of a large number when another is taken off."""
    one = held.dtype(1)
    longest = held.dtype(2) / (one - held.rounded("_beta2")) - one
    return {
        "beta1": float(held.after("beta1_pow")),
        "beta2": float(held.after("beta2_pow")),
        "length": float(longest - held.dtype(2) * held.after("rho")),
    }


_POWERS: Mapping[str, Callable[[_Held], dict[str, float]]] = {
    "Adam": _of_adam,
    "AdamW": _of_adam,
    "Lamb": _of_adam,
    "Adamax": _of_adamax,
    "NAdam": _of_nadam,
    "RAdam": _of_radam,
}
"""Class of the optimizer -> the powers of `dualtrain.optimizers`, by the names they have there."""

_DOUBLE = ("Adam", "AdamW", "Rprop", "SGD")
"""Classes whose kernels take their numbers in float64 where the tensors are."""

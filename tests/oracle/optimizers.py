"""One parameter under an optimizer's rule: the product's own, in float64.

It may judge the product since it is itself held against the native classes of torch and Paddle, in
float64: `tests/parity/test_oracle_natives.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from dualtrain.optimizers import Optimizer, UpdateRule

__all__ = ["Reference", "rule_of"]

Array = NDArray[np.float64]

_ANY: TypeAdapter[UpdateRule] = TypeAdapter(Optimizer)


def rule_of(optimizer: Mapping[str, Any]) -> UpdateRule:
    """The record of an optimizer's words."""
    return _ANY.validate_python(dict(optimizer))


class Reference:
    """One parameter and its optimizer state; `update` gives the weight after the next update.

    apart: whether decoupled decay comes before a rule that knows none.
    """

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        w: NDArray[Any],
        decay: float = 0.0,
        *,
        apart: bool = False,
    ) -> None:
        self.rule = rule_of(optimizer)
        self.w: Array = w.astype(np.float64)
        self.decay, self.apart = (0.0, decay) if apart else (decay, 0.0)
        self.state = self.rule.new_state(self.w)

    @property
    def k(self) -> int:
        """Updates so far."""
        return int(self.state["step"])

    def update(self, g: NDArray[Any], lr: float, *, momentum: float | None = None) -> Array:
        """g: the gradient. lr: the rate, with the parameter's multiplier. momentum: if cycled."""
        self.state, self.w = self.rule.update(
            self.state,
            self.w * (1.0 - lr * self.apart),
            g.astype(np.float64),
            lr=lr,
            decay=self.decay,
            momentum=momentum,
        )
        return self.w

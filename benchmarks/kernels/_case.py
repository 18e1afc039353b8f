"""What a case of the probe is: a formula in numpy, and inputs to try it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Array", "Build", "Case", "Inputs", "at"]

Array = np.ndarray[tuple[Any, ...], Any]  # pyright knows no `real` of NDArray[Any]
Inputs = dict[str, Array]
"""The arguments, in order. Floats are differentiated; whole numbers and masks are not."""
Build = Callable[[np.random.Generator], Inputs]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kernel with one group of settings.

    formula: (*inputs, **settings) -> an array or several, in float64 or complex128; only from
    operations that are differentiable where the inputs are, so that a complex step differentiates
    it. What a backend calls for it stands in `in_torch.py` and `in_paddle.py`, under `kernel`.
    """

    name: str
    formula: Callable[..., Any]
    inputs: Mapping[str, Build]
    """Kind of input -> how it is made."""
    kernel: str = ""
    """The key of the calls; the name itself when empty."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Handed to the formula and to the call."""
    at_kinks: frozenset[str] = frozenset()
    """Kinds of input that rounding would move over a kink, so nothing is allowed for rounding."""
    tails: Mapping[str, float] = field(default_factory=dict)
    """Kinds of input whose right values are what is left of larger ones -> how large those are.

    Of 1 - tanh^2, far out, nothing is left but rounding: an error is told against the 1."""
    constants: frozenset[str] = frozenset()
    """Floats that are not differentiated: a mask, running statistics."""

    @property
    def call(self) -> str:
        """The key in the tables of calls."""
        return self.kernel or self.name


def at(scale: float, **shapes: tuple[int, ...]) -> Build:
    """Inputs of N(0, scale^2)."""

    def build(random: np.random.Generator) -> Inputs:
        return {name: scale * random.standard_normal(shape) for name, shape in shapes.items()}

    return build

"""How finely each type computes, and how far apart two honest results may be for that."""

from __future__ import annotations

import numpy as np

from dualtrain.plan import Plan
from dualtrain.state import Arrays

__all__ = ["BFLOAT16", "DOUBLE", "FLOAT16", "SINGLE", "TYPES", "unit_of"]

DOUBLE, SINGLE, FLOAT16, BFLOAT16 = 2.0**-53, 2.0**-24, 2.0**-11, 2.0**-8
"""Half an ULP of 1: what one rounding does to a number, relatively."""

_LOW = {"float16": FLOAT16, "bfloat16": BFLOAT16}

TYPES = {DOUBLE: "float64", SINGLE: "float32"} | {unit: name for name, unit in _LOW.items()}
"""Unit -> the name of its type."""


def unit_of(plan: Plan, weights: Arrays) -> float:
    """That of the type in which a run's passes compute.

    weights: those of a state, float64 only where the whole model is.
    """
    if plan.spec.amp is not None:
        return _LOW[plan.spec.amp.dtype]
    return DOUBLE if all(w.dtype == np.float64 for w in weights.values()) else SINGLE

"""What an update rule asks of arrays beside + - * / and comparisons, so that one text serves all.

Plain numpy is here. A framework's own verbs may fuse what one of them says (a + s b as one
multiply-add), and keep the roundings that its kernels have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["NUMPY", "Verbs"]

Array = Any
"""An array of whoever's verbs they are."""


@dataclass(frozen=True, kw_only=True)
class Verbs:
    """Functions of arrays, element by element where nothing else is said."""

    zeros: Callable[[Array], Array]
    """0, of the shape and type of x."""
    full: Callable[[Array, float], Array]
    """A number, of the shape and type of x."""
    sqrt: Callable[[Array], Array]
    abs: Callable[[Array], Array]
    sign: Callable[[Array], Array]
    maximum: Callable[[Array, Array], Array]
    clip: Callable[[Array, float, float], Array]
    """Each element held between two numbers."""
    where: Callable[[Array, Array, Array], Array]
    norm: Callable[[Array], Any]
    """sqrt of the sum of all squared elements, a scalar."""
    ratio: Callable[[Any, Any], Any]
    """a / b of two scalars where both are above 0; 1 elsewhere."""
    plus: Callable[[Array, Array, float], Array]
    """(a, b, s): a + s b."""
    plus_quotient: Callable[[Array, Array, Array, float], Array]
    """(a, x, y, s): a + s x / y."""
    minus_square: Callable[[Array, Array], Array]
    """(a, x): a - x x."""
    average: Callable[[Array, float, Array], Array]
    """(held, rate, x): rate held + (1 - rate) x; it may be written into what is held."""


NUMPY = Verbs(
    zeros=np.zeros_like,
    full=np.full_like,
    sqrt=np.sqrt,
    abs=np.abs,
    sign=np.sign,
    maximum=np.maximum,
    clip=np.clip,
    where=np.where,
    norm=np.linalg.norm,
    ratio=lambda a, b: a / b if a > 0 and b > 0 else 1.0,
    plus=lambda a, b, s: a + s * b,
    plus_quotient=lambda a, x, y, s: a + s * x / y,
    minus_square=lambda a, x: a - x * x,
    average=lambda held, rate, x: rate * held + (1 - rate) * x,
)
"""Of float64 arrays the rule itself, by which every framework's update is judged."""

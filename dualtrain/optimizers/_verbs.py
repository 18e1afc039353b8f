"""What an update rule asks of arrays beside + - * /, so that one text serves numpy and tensors.

Plain numpy is here. A framework's own may write into memory that is there already, and fuse what
one verb says (a + s b as one multiply-add): its roundings are those of its kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["NUMPY", "Arithmetic"]

Array = Any
"""An array of whoever's verbs they are."""


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Functions of arrays, element by element where nothing else is said.

    One whose name ends in `_` may write its result into its first argument, which is a weight, an
    array of the state or a number on the way, and which no rule looks at again.
    """

    zeros: Callable[[Array], Array]
    """0, of the shape and type of x."""
    sqrt: Callable[[Array], Array]
    abs: Callable[[Array], Array]
    sign: Callable[[Array], Array]
    clip: Callable[[Array, float, float], Array]
    """Each element held between two numbers."""
    where: Callable[[Array, Array, Array], Array]
    norm: Callable[[Array], Any]
    """sqrt of the sum of all squared elements, a scalar."""
    ratio: Callable[[Any, Any], Any]
    """a / b of two scalars where both are above 0; 1 elsewhere."""
    add: Callable[[Array, float], Array]
    """A number added to each element; `+` rounds it to float32 in Paddle 2.6."""
    plus: Callable[[Array, Array, float], Array]
    """(a, b, s): a + s b."""
    minus_square: Callable[[Array, Array], Array]
    """(a, x): a - x x."""
    add_: Callable[[Array, float], Array]
    multiply_: Callable[[Array, Any], Array]
    divide_: Callable[[Array, Array], Array]
    sqrt_: Callable[[Array], Array]
    maximum_: Callable[[Array, Array], Array]
    plus_: Callable[[Array, Array, float], Array]
    """(a, b, s): a + s b."""
    plus_quotient_: Callable[[Array, Array, Array, float], Array]
    """(a, x, y, s): a + s x / y."""
    average_: Callable[[Array, float, Array], Array]
    """(held, rate, x): rate held + (1 - rate) x."""
    held: Callable[..., Any] = lambda name, exact, terms=0.0: exact
    """A number that follows from the count of updates, by name: the exact one, or, where a side
    that is judged goes on with another (a product that it rounds), its own. terms: their size, if
    the number is a difference."""


def _plus(a: Array, b: Array, s: float) -> Array:
    return a + s * b


NUMPY = Arithmetic(
    zeros=np.zeros_like,
    sqrt=np.sqrt,
    abs=np.abs,
    sign=np.sign,
    clip=np.clip,
    where=np.where,
    norm=np.linalg.norm,
    ratio=lambda a, b: a / b if a > 0 and b > 0 else 1.0,
    add=np.add,
    plus=_plus,
    minus_square=lambda a, x: a - x * x,
    add_=np.add,
    multiply_=np.multiply,
    divide_=np.divide,
    sqrt_=np.sqrt,
    maximum_=np.maximum,
    plus_=_plus,
    plus_quotient_=lambda a, x, y, s: a + s * x / y,
    average_=lambda held, rate, x: rate * held + (1 - rate) * x,
)
"""With float64 arrays the rule itself, by which each framework's update is judged. Writes into
nothing."""

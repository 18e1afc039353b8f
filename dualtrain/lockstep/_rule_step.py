"""One update of one parameter as its rule says it: values in float64, and how far rounding may be.

The rule's own text is run over `Rounded` numbers, with the numbers that a side holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._rounded import (
    DOUBLE,
    EXACT,
    MIXED,
    SINGLE,
    Precision,
    Rounded,
    arithmetic,
    precision_of,
)
from dualtrain.optimizers import UpdateRule
from dualtrain.state import Arrays, Scalars

__all__ = ["Factors", "Power", "Step", "exact", "in_single", "stepped"]


@dataclass(frozen=True, kw_only=True)
class Factors:
    """What an update of a parameter is made with."""

    lr: float
    """With the parameter's multiplier."""
    decay: float
    momentum: float | None
    scalars: Scalars | None
    """What the side holds; None where that is float64's own numbers."""

    def precision(self, array: NDArray[Any]) -> Precision:
        """In which a side computes that has its own numbers, or has not."""
        of = precision_of(array)
        return MIXED if of is DOUBLE and self.scalars is not None else of


class Power(NamedTuple):
    """A number that a side goes on with in place of the exact one."""

    name: str
    own: float
    exact: float
    terms: float
    """The size of those that it is a difference of; its own if it is none."""


class Step(NamedTuple):
    """What an update makes of a parameter."""

    state: Mapping[str, Any]
    weight: Rounded
    powers: tuple[Power, ...]


def stepped(
    rule: UpdateRule, kept: Arrays, w: NDArray[Any], g: NDArray[Any], factors: Factors
) -> Step:
    """State and weight after an update.

    kept: what the rule keeps of the parameter, by neutral name; nothing before its first update.
    w, g: of one shape, as the framework holds them.
    """
    of, powers = factors.precision(w), []
    own = factors.scalars or Scalars()

    def held(name: str, exact_one: float, terms: float = 0.0) -> Any:
        if name not in own.powers:
            return exact_one
        powers.append(Power(name, own.powers[name], exact_one, terms or exact_one))
        return exact(np.array(own.powers[name]), of)

    verbs = arithmetic(of, held)
    if own.single:
        rule = in_single(rule)
    weight = exact(w, of)
    state: dict[str, Any] = {name: exact(array, of) for name, array in kept.items()}
    state["step"] = int(kept["step"]) if "step" in kept else 1
    if not kept:
        state = dict(rule.new_state(weight, verbs=verbs))
    for name in rule.state_numbers:
        state[name] = _number(state[name])
    after, moved = rule.update(
        state,
        weight,
        exact(g, of),
        lr=factors.lr,
        decay=factors.decay,
        momentum=factors.momentum,
        verbs=verbs,
    )
    return Step(after, moved, tuple(powers))


def _number(kept: Any) -> Rounded:
    """A number of a state: in float32, as torch keeps it in a model of float64, too."""
    return Rounded(np.array(kept.value if isinstance(kept, Rounded) else kept), EXACT, SINGLE)


def exact(array: NDArray[Any], of: Precision) -> Rounded:
    """An array, as it was given."""
    return Rounded(np.asarray(array, np.float64), EXACT, of)


def in_single(rule: UpdateRule) -> UpdateRule:
    """The rule with its numbers as float32 holds them.

    >>> from dualtrain.optimizers import Adagrad
    >>> in_single(Adagrad(name="adagrad", lr=0.5, eps=1e-10)).eps
    1.000000013351432e-10
    """
    return rule.model_copy(update={name: _single(value) for name, value in rule})


def _single(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_single, value))
    return float(np.float32(value)) if isinstance(value, float) else value

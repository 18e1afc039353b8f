"""What a side makes of the gradients before its optimizer: unscaled, measured, clipped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._reading import Reading
from dualtrain.lockstep._record import Move
from dualtrain.lockstep._rounded import DOUBLE, Precision, Rounded, precision_of
from dualtrain.lockstep._rule_held import held, rule_reading
from dualtrain.lockstep._rule_parameter import sampled
from dualtrain.lockstep._rule_step import exact
from dualtrain.spec import Clip

__all__ = ["judge_clip"]

Floats = NDArray[np.float64]

COEFFICIENT_BAR = 4.0
"""In units of rounding: the limit, the quotient, and a norm that the clip takes once more."""


def judge_clip(move: Move, clip: Clip | None, *, side: str) -> list[Reading]:
    """The joint norm against its own in float64; what follows from it, from the norm as it is.

    Only of gradients that both the side was handed and its optimizer used.
    """
    scale = move.before.loss_scale.scale if move.before.loss_scale is not None else 1.0
    shared = sorted(move.handed.keys() & move.clipped.keys())
    norms = {n: float(np.linalg.norm(move.handed[n].astype(np.float64))) / scale for n in shared}
    return [*_norm(move, norms, side), *_products(move, clip, scale, norms, side)]


def _norm(move: Move, norms: dict[str, float], side: str) -> Iterator[Reading]:
    """The joint norm, where the side took one."""
    if move.norm is None or not norms:
        return
    joint = math.hypot(*norms.values())
    largest = max(norms, key=lambda name: move.handed[name].size)
    yield _norm_reading(move.norm, joint, move.handed[largest], "", side)


def _norm_reading(
    norm: float, own: float, largest: NDArray[np.generic], tensor: str, side: str
) -> Reading:
    """A norm against its own in float64, in units of rounding.

    torch adds up in float32 without a cascade: n u / 66 is the worst seen, of a constant tensor.
    """
    if not math.isfinite(own):
        value = 0.0 if not math.isfinite(norm) else math.inf
    else:
        value = abs(norm - own) / own if own else float(norm != 0.0) and math.inf
    units, bar = value / precision_of(largest).unit, max(64.0, largest.size / 64.0)
    return rule_reading(
        side=side,
        what="norm",
        tensor=tensor,
        value=units,
        bar=bar,
        outcome="differs" if units > bar else "agrees",
        detail=f"{value:.1e} from its gradients' own in float64",
        knob="clip",
    )


def _products(
    move: Move, clip: Clip | None, scale: float, norms: dict[str, float], side: str
) -> Iterator[Reading]:
    """The gradients that the optimizer used."""
    knob = "amp.loss_scale" if clip is None else "clip"
    factors: dict[str, float | None] = {}
    if clip is not None and clip.global_norm is not None:
        factor = _factor([(move.handed[n], move.clipped[n]) for n in norms], scale)
        joint = math.hypot(*norms.values()) if move.norm is None else move.norm
        unit = max((precision_of(move.handed[n]).unit for n in norms), default=1.0)
        yield from _coefficient(factor, clip.global_norm, joint + clip.added, unit, side)
        acts = joint * _JUST + clip.added >= clip.global_norm
        factors = dict.fromkeys(norms, factor if acts else None)
    elif clip is not None and clip.norm is not None:
        for name, own in norms.items():
            factors[name] = _factor([(move.handed[name], move.clipped[name])], scale)
            longer = own + clip.added
            yield from _own_norm(factors[name], clip.norm, longer, move.handed[name], name, side)
            if longer * (1.0 + _slack(move.handed[name])) < clip.norm:
                factors[name] = None
    for name in norms:
        given, used = sampled(move.handed[name]), sampled(move.clipped[name])
        expected = _unscaled(given, scale)
        factor_of = factors.get(name)
        if factor_of is not None and math.isfinite(factor_of):
            expected = expected * _found(factor_of, expected.precision)
        elif clip is not None and clip.value is not None:
            expected = _within(expected, clip.value)
        yield held(used, expected).reading(side=side, what="clip", tensor=name, knob=knob)


_JUST = 1.0 + 2.0**-20
"""Between a norm that is taken twice and itself."""


def _slack(array: NDArray[np.generic]) -> float:
    return max(64.0, array.size / 64.0) * precision_of(array).unit


def _factor(pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]], scale: float) -> float:
    """By what the unscaled gradients were multiplied, by least squares.

    pairs: handed and clipped. The second round adds up what the first has left, which is little: a
    sum of many products is off by more roundings than a factor may be.
    """
    factor, square = 0.0, sum(_inner(handed, handed) for handed, _ in pairs)
    if not square > 0.0:
        return 1.0
    for _ in range(2):
        left = sum(
            _inner(g, c.astype(np.float64) - factor * g.astype(np.float64)) for g, c in pairs
        )
        factor += left / square
    return factor * scale


def _inner(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(a.astype(np.float64).reshape(-1) @ b.astype(np.float64).reshape(-1))


def _found(factor: float, of: Precision) -> Rounded:
    """A factor, as float64 finds it."""
    return Rounded(np.array(factor), DOUBLE.unit * abs(factor), of)


def _coefficient(
    factor: float, limit: float, norm: float, unit: float, side: str
) -> Iterator[Reading]:
    """The joint factor against the limit over the side's own norm, with what the rule adds."""
    expected = limit / max(norm, limit)
    value = abs(factor / expected - 1.0) / unit
    yield rule_reading(
        side=side,
        what="clip",
        tensor="",
        value=value,
        bar=COEFFICIENT_BAR,
        outcome="differs" if not value <= COEFFICIENT_BAR else "agrees",
        detail=f"gradients times {factor:.8g}, by the norm {norm:.8g} it is {expected:.8g}",
        knob="clip",
    )


def _own_norm(
    factor: float | None,
    limit: float,
    own: float,
    handed: NDArray[np.generic],
    name: str,
    side: str,
) -> Iterator[Reading]:
    """The norm of a tensor that its factor is of, where it was clipped or had to be."""
    assert factor is not None
    if own * (1.0 + _slack(handed)) < limit and factor == 1.0:
        return
    yield _norm_reading(limit / factor if factor else math.inf, max(own, limit), handed, name, side)


def _unscaled(handed: NDArray[np.generic], scale: float) -> Rounded:
    """Divided by the loss scale; by a power of two exactly, but for underflow."""
    of = precision_of(handed)
    given = exact(handed, of)
    if scale == 1.0:
        return given
    if math.frexp(scale)[0] != 0.5:
        return given * (1.0 / scale)
    value = given.value / scale
    return Rounded(value, np.where(np.abs(value) < of.normal, of.tiny, 0.0), of)


def _within(given: Rounded, limit: float) -> Rounded:
    """min(max(g, -limit), limit), the limit rounded once."""
    beyond = np.abs(given.value) + given.error > limit * (1.0 - given.precision.unit)
    error = np.where(beyond, given.precision.unit * limit + given.error, given.error)
    return Rounded(np.clip(given.value, -limit, limit), error, given.precision)

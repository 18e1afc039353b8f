"""What a side makes of the gradients before its optimizer: unscaled, measured, clipped."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._reading import Reading
from dualtrain.lockstep._record import Move
from dualtrain.lockstep._rounded import DOUBLE, Rounded, precision_of
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
        sums = [_inner(move.handed[n], move.clipped[n]) for n in norms]
        factor = _factor(sum(s[0] for s in sums), sum(s[1] for s in sums), scale)
        joint = math.hypot(*norms.values()) if move.norm is None else move.norm
        unit = max((precision_of(move.handed[n]).unit for n in norms), default=1.0)
        own = max((_own_error(move.handed[n]) for n in norms), default=0.0) / unit
        yield from _coefficient(factor, clip.global_norm, joint, unit, own, side)
        factors = dict.fromkeys(norms, None if joint * _JUST < clip.global_norm else factor)
    elif clip is not None and clip.norm is not None:
        for name, own in norms.items():
            factors[name] = _factor(*_inner(move.handed[name], move.clipped[name]), scale)
            yield from _own_norm(factors[name], clip.norm, own, move.handed[name], name, side)
            if own * (1.0 + _slack(move.handed[name])) < clip.norm:
                factors[name] = None
    for name in norms:
        given, used = sampled(move.handed[name]), sampled(move.clipped[name])
        expected = _unscaled(given, scale)
        factor_of = factors.get(name)
        if factor_of is not None and math.isfinite(factor_of):
            off = abs(factor_of) * _own_error(move.handed[name])
            expected = expected * Rounded(np.float64(factor_of), off, expected.precision)  # type: ignore[arg-type]
        elif clip is not None and clip.value is not None:
            expected = _within(expected, clip.value)
        yield held(used, expected).reading(side=side, what="clip", tensor=name, knob=knob)


_JUST = 1.0 + 2.0**-20
"""Between a norm that is taken twice and itself."""


def _slack(array: NDArray[np.generic]) -> float:
    return max(64.0, array.size / 64.0) * precision_of(array).unit


def _inner(handed: NDArray[np.generic], clipped: NDArray[np.generic]) -> tuple[float, float]:
    """Sums of clipped x handed, and of handed x handed."""
    g = handed.astype(np.float64).reshape(-1)
    return float(clipped.astype(np.float64).reshape(-1) @ g), float(g @ g)


def _factor(product: float, square: float, scale: float) -> float:
    """By what the unscaled gradients were multiplied, by least squares."""
    return product / square * scale if square > 0.0 else 1.0


def _own_error(handed: NDArray[np.generic]) -> float:
    """What the judge's own sums over a tensor are off, relatively: float64 is judged in float64."""
    of = precision_of(handed)
    return (4.0 + handed.size**0.5 / 8.0) * of.unit if of is DOUBLE else 0.0


def _coefficient(
    factor: float, limit: float, norm: float, unit: float, own: float, side: str
) -> Iterator[Reading]:
    """The joint factor against the limit over the side's own norm; own: as many units wider."""
    expected = limit / max(norm, limit)
    value, bar = abs(factor / expected - 1.0) / unit, COEFFICIENT_BAR + own
    yield rule_reading(
        side=side,
        what="clip",
        tensor="",
        value=value,
        bar=bar,
        outcome="differs" if not value <= bar else "agrees",
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

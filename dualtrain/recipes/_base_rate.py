"""A rate as it is configured, before what a run multiplies it by."""

from __future__ import annotations

import re
from dataclasses import replace

from dualtrain.reading import Known, Unknown, Value, alternatives
from dualtrain.recipes._clock import deep
from dualtrain.recipes._found import described, found, number
from dualtrain.recipes._record import Found

__all__ = ["SCALED", "base_rate", "followed"]

BATCHES = re.compile(r"batch|world_?size|n_?gpus?$|num_gpus", re.IGNORECASE)
"""Names of what a rate is scaled with."""

RATE = re.compile(r"(^|[-_.])b?(lr|learning_?rate)$", re.IGNORECASE)

SCALED = "times what the run decides"
"""How the remark on a rate begins that is multiplied by batches or processes."""


def base_rate(value: Value) -> Found:
    """A rate; of one that is multiplied by a batch size, or by what only a run knows, the rate that
    is multiplied."""
    rate = found(value)
    if rate.certainty != "unknown":
        base = _before_batches(value)
        if base is None:
            return rate
        why = f"{SCALED}: {described(base)} scaled by a batch size, {rate.value!r} in the end"
        return replace(found(base), why=why, scaled=rate.value)
    for one in alternatives(followed(value)):
        factors = _factors(followed(one))
        moving = (f for factor in factors for f in deep(factor) if isinstance(f, Unknown))
        if len(factors) < 2 or any(f.op in ("index", "carried") for f in moving):
            continue
        named = [f for f in factors if isinstance(f, Known) and RATE.search(f.origin.name)]
        small = [f for f in factors if isinstance(n := number(f), float) and 0 < n < 1]
        rates = named or small
        if len(rates) == 1:
            return replace(found(rates[0]), why=f"{SCALED}: {described(one)}")
    return rate


def _before_batches(value: Value) -> Known | None:
    """The one rate by name in a number that it is multiplied with a batch size to."""
    factors = _factors(followed(value))
    rates = [one for one in factors if isinstance(one, Known) and RATE.search(one.origin.name)]
    others = [one for one in factors if isinstance(one, Known) and one not in rates]
    scaled = any(BATCHES.search(one.origin.name) for one in others)
    return rates[0] if len(rates) == 1 and scaled and len(factors) > 1 else None


def followed(value: Value) -> Value:
    """The side of a choice that the text tells is taken."""
    while isinstance(value, Unknown) and value.op == "if" and isinstance(value.operands[0], Known):
        value = value.operands[1 if value.operands[0].value else 2]
    return value


def _factors(value: Value) -> list[Value]:
    """What is multiplied or divided."""
    if isinstance(value, (Known, Unknown)) and value.op in ("*", "/", "float") and value.operands:
        return [one for part in value.operands for one in _factors(followed(part))]
    return [value]

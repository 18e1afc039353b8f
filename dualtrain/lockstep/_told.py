"""What was said of an update, in words."""

from __future__ import annotations

import math

from dualtrain.lockstep._reading import Reading

__all__ = ["told"]


def told(update: int, reading: Reading, names: tuple[str, str]) -> str:
    """One reading as a clause, with its update; names: what side a and side b are called.

    >>> reading = Reading(
    ...     half="rule", what="second_moment", side="b", tensor="dense.bias",
    ...     value=4e6, bar=4.0, outcome="differs",
    ... )
    >>> told(13, reading, ("torch", "paddle"))
    'update 13, dense.bias, paddle: second_moment is 1e+06 times its bar'
    """
    sides = {"a": names[0], "b": names[1]}
    whose = ", ".join(filter(None, (reading.tensor, sides.get(reading.side, ""))))
    where = f"update {update}, {whose}" if whose else f"update {update}"
    if reading.outcome == "no proof":
        return f"{where}: {reading.what}: {reading.detail or 'cannot be judged'}"
    size = f" is {reading.times:.2g} times its bar" if math.isfinite(reading.times) else ""
    detail = f"{'; ' if size else ': '}{reading.detail}" if reading.detail else ""
    return f"{where}: {reading.what}{size or ' differs'}{detail}"

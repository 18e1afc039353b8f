"""Made-up judgements for tests: what a lockstep of six updates says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dualtrain.lockstep import Judged, Lockstep, Reading

__all__ = ["judging", "reading", "with_reading"]


def reading(**fields: Any) -> Reading:
    """A weight of side b's rule, at half its bar."""
    given: dict[str, Any] = {
        "half": "rule",
        "what": "weight",
        "side": "b",
        "tensor": "dense.weight",
        "value": 4.0,
        "bar": 8.0,
        "outcome": "agrees",
        "knob": "optimizer.eps",
    }
    return Reading(**given | fields)


GRADIENT = reading(
    half="gradients", what="gradient", side="both", value=1e-10, bar=1e-9, knob="task.model"
)


def judging(*attempts: int, total: int = 6) -> Lockstep:
    """A lockstep in which these updates were judged, and agree; 0, 2, 4 and 5 when none is said."""
    return Lockstep(
        updates=tuple(
            Judged(attempt=n, t=n, readings=(GRADIENT, reading())) for n in attempts or (0, 2, 4, 5)
        ),
        total=total,
    )


def with_reading(lockstep: Lockstep, attempt: int, **fields: Any) -> Lockstep:
    """One more reading, of one update."""
    return replace(
        lockstep,
        updates=tuple(
            replace(one, readings=(*one.readings, reading(**fields)))
            if one.attempt == attempt
            else one
            for one in lockstep.updates
        ),
    )

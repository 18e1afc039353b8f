"""Numbers that are none: where both sides left the finite ones, nothing after it can be compared.

One side alone shows in the stage that meets the number. Both at once agree in every stage, for nan
stands beside nan; so they are a finding of their own, and what follows it proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from dualtrain.listing import listed
from dualtrain.parity._during import at, paired
from dualtrain.parity._finding import Measure
from dualtrain.parity._weights import WeightSet
from dualtrain.trace import Trace, Update

__all__ = ["after_training", "in_training", "until"]


def in_training(a: Trace, b: Trace) -> list[Measure]:
    """The first update that left both sides without a finite loss or gradient; none elsewhere.

    An update that was skipped for its gradients is none of them: it left nothing behind.
    """
    for x, y in paired(a, b):
        left = [f"{name} {_shown(p)} and {_shown(q)}" for name, p, q in _both(x, y)]
        if left:
            text = f"both sides left the finite numbers at {at(x)}: {', '.join(left)}"
            return [Measure(1, "updates", detail=text, update=x.attempt)]
    return []


def until(a: Trace, b: Trace) -> tuple[Trace, Trace]:
    """Both traces up to that update."""
    pairs = paired(a, b)
    count = next((i for i, pair in enumerate(pairs) if any(_both(*pair))), None)
    return replace(a, updates=a.updates[:count]), replace(b, updates=b.updates[:count])


def after_training(a: WeightSet, b: WeightSet) -> list[Measure]:
    """The final tensors that are not finite on both sides."""
    names = sorted(a.not_finite & b.not_finite)
    text = f"both sides end with weights that are not finite: {listed(names)}"
    return [Measure(len(names), "names", detail=text)] if names else []


def _both(x: Update, y: Update) -> Iterator[tuple[str, float, float]]:
    """What neither side has as a finite number, unless the update was skipped."""
    if x.skipped or y.skipped:
        return
    pairs = (("loss", x.loss, y.loss), ("gradient norm", x.grad_norm, y.grad_norm))
    for name, p, q in pairs:
        if p is not None and q is not None and not (math.isfinite(p) or math.isfinite(q)):
            yield name, p, q


def _shown(value: float) -> str:
    return f"{value:.7g}"

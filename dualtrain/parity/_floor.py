"""The chaos floor: how far a run parts from itself when one weight matrix is moved by 1 ULP.

Training magnifies rounding, some runs a thousand times more than others (a high rate, many
updates). A difference between two frameworks that is no larger than a few times what one framework
shows against itself is no evidence of a mistake. So where the floor was measured, no bar of
training is below a multiple of it: `FLOOR_UPDATES`, up to the same update, for losses and norms;
`FLOOR_WEIGHTS`, for the same tensor, for the final weights. Exact stages stay exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dualtrain.parity._finding import Measure
from dualtrain.parity._tolerances import FLOOR_UPDATES, Tolerance, raised

__all__ = ["widened"]


def widened(measures: Sequence[Measure], floor: Sequence[Measure]) -> list[Measure]:
    """The measures of a stage, each with its tolerance raised to the floor's own.

    floor: the same measures of the run against itself; both in the order of time.
    """
    reached, highest = {}, 0.0
    for measure in floor:
        if math.isfinite(measure.value):
            highest = max(highest, measure.value)
        reached[measure.update] = highest
    return [
        replace(
            measure,
            tolerance=Tolerance(
                raised(measure.tolerance.bound, reached.get(measure.update, 0.0), FLOOR_UPDATES),
                measure.tolerance.of,
            ),
        )
        for measure in measures
    ]

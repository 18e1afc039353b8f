"""What a comparison results in: one finding per stage."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dualtrain.parity._tolerances import EXACT, Tolerance, raised

if TYPE_CHECKING:
    from dualtrain.lockstep import Lockstep
    from dualtrain.parity._weights import Weights
    from dualtrain.trace import Trace

__all__ = [
    "Comparison",
    "Finding",
    "Measure",
    "ParityClass",
    "Series",
    "Unit",
    "Verdict",
    "classify",
    "worst",
]

ParityClass = Literal["exact", "rounding", "different", "no proof"]
"""exact: equal. rounding: within the tolerance. different: beyond it. no proof: nobody can say."""

Verdict = Literal["agrees", "differs", "no proof"]
"""Of a stage, and of a whole comparison: there a difference counts before what proves nothing."""

_VERDICTS: dict[ParityClass, Verdict] = {
    "exact": "agrees",
    "rounding": "agrees",
    "different": "differs",
    "no proof": "no proof",
}
_GRAVITY: dict[ParityClass, int] = {"exact": 0, "rounding": 0, "no proof": 1, "different": 2}

Unit = Literal[
    "absolute", "relative", "ULP", "names", "digests", "updates", "examples", "times the bar"
]
"""Of the largest difference; names, digests and updates count those that differ. In lockstep every
quantity has a bar of its own: there it is how many times that."""


@dataclass(frozen=True)
class Measure:
    """One measured difference: at one update, or of one tensor, or of a whole stage."""

    value: float
    """0 if equal; inf where a number stands against none."""
    unit: Unit
    tolerance: Tolerance = EXACT
    detail: str = ""
    """What it is and where, in a few words."""
    update: int | None = None
    """The number of its update, skipped ones counted; None outside training."""
    proves: bool = True
    """Whether it tells right from wrong; if not, any value but 0 is no proof."""
    raised: bool = False
    """Whether a chaos floor raised the tolerance."""

    @property
    def parity(self) -> ParityClass:
        """The class of this one difference."""
        if self.value != 0 and not self.proves:
            return "no proof"
        return classify(self.value, self.tolerance.bound)

    def widened(self, floor: float, factor: float) -> Measure:
        """The same, its tolerance no lower than `factor` times the chaos floor's measure."""
        bound = raised(self.tolerance.bound, floor, factor)
        tolerance = replace(self.tolerance, bound=bound)
        return replace(self, tolerance=tolerance, raised=bound > self.tolerance.bound)

    @property
    def severity(self) -> tuple[int, float]:
        """Orders measures: differences, what is no proof, then by how much of the tolerance."""
        bound = self.tolerance.bound
        value = math.inf if math.isnan(self.value) else self.value
        return _GRAVITY[self.parity], value / bound if bound else value


def classify(value: float, bound: float) -> ParityClass:
    """The parity class of a difference; a difference that is not a number is beyond any bound."""
    if value == 0:
        return "exact"
    return "rounding" if value <= bound else "different"


def worst(measures: Iterable[Measure]) -> Measure:
    """The gravest of them; the earliest of equals."""
    return max(measures, key=lambda measure: measure.severity)


@dataclass(frozen=True, kw_only=True)
class Series:
    """The differences of a stage over the run, for a curve: the gravest at each update."""

    updates: tuple[int, ...] = ()
    """The updates' numbers; those at which nothing was measured are left out."""
    values: tuple[float, ...] = ()
    """The difference at each, in the finding's unit; what is counted is 1 or 0."""
    bounds: tuple[float, ...] = ()
    """What was allowed at each: more, from update to update, where a chaos floor was measured."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one stage of the comparison found."""

    stage: str
    """The name of one of `STAGES`."""
    parity: ParityClass
    largest: float
    """The largest difference; inf where one side has a number and the other none."""
    unit: Unit
    tolerance: Tolerance
    first_update: int | None
    """The number of the first update that does not agree, from 0: its t, unless updates were
    skipped before it. None if there is none."""
    detail: str
    """Which parameter, tensor or batch; empty if everything is equal."""
    knob: str
    """The spec fields to look at; empty where nothing is amiss but rounding."""
    series: Series = Series()
    """Update by update; empty for a stage outside training."""
    raised: bool = False
    """Whether a chaos floor raised its tolerance, at some update or for some tensor."""

    @property
    def verdict(self) -> Verdict:
        """What the parity class comes to."""
        return _VERDICTS[self.parity]

    @property
    def agrees(self) -> bool:
        """Exact, or within the tolerance."""
        return self.verdict == "agrees"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two traces, compared; with lockstep also every judged update of the two runs."""

    a: Trace
    b: Trace
    findings: tuple[Finding, ...]
    """In the order of the stages."""
    first: Finding | None
    """What decides the verdict. The first difference: before training, then the earliest update,
    then after training; at the same moment the earliest stage. Where nothing differs, the first
    that is no proof. None if both agree."""
    starts_alike: bool
    """Whether nothing differs that is known before the first update."""
    not_compared: tuple[str, ...]
    """Stages that could not be compared, each with its reason."""
    weights: Weights | None
    """Tensor by tensor."""
    averages: Weights | None
    """The same of the weights' moving averages; None where a side has none."""
    with_plan: bool = False
    """Whether b is no run, but what a plan says of a."""
    names: tuple[str, str]
    """What the sides are called."""
    lockstep: Lockstep | None = None
    """What was judged update by update, each from one state; None if only the traces are there."""
    illustration: tuple[Finding, ...] = ()
    """Beside lockstep: what the free runs came to. It decides nothing."""

    @property
    def verdict(self) -> Verdict:
        """`differs` if a stage does; else `no proof` if something cannot be judged."""
        return "agrees" if self.first is None else self.first.verdict

    @property
    def agrees(self) -> bool:
        """Every stage agrees."""
        return self.verdict == "agrees"

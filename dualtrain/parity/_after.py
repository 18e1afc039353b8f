"""What training arrived at: the final weights and the evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat, zip_longest

from dualtrain.listing import listed
from dualtrain.parity import _during as during
from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import distance, relative
from dualtrain.parity._tensors import ParameterDifference
from dualtrain.parity._tolerances import (
    LOSS_FLOOR,
    MEANS,
    Tolerance,
    Tolerances,
    believed,
    floor_factor,
    for_losses,
    size_of_losses,
    tolerances,
)
from dualtrain.parity._weights import Weights
from dualtrain.trace import DONE, Evaluation, Trace

__all__ = ["averages", "evaluation", "statistics", "update"]


def update(weights: Weights) -> list[Measure]:
    """The names that one side lacks, and each tensor that is judged; the gravest first.

    Weights of which none moved prove nothing.
    """
    measures = [_tensor(tensor) for tensor in weights.judged]
    for what, names in (("not finite", weights.not_finite), ("on one side only", weights.alone)):
        if names:
            text = f"{what}: {listed(names)}"
            measures.append(Measure(len(names), "names", detail=text))
    if weights.movement == 0:
        text = "no weight moved on either side"
        measures.append(Measure(1, "names", detail=text, proves=False))
    measures = measures or [Measure(0, "names")]
    return sorted(measures, key=lambda measure: measure.severity, reverse=True)


def averages(weights: Weights | None, *, one_sided: bool) -> list[Measure]:
    """The same of the weights' moving averages, which one side may lack altogether."""
    if one_sided:
        return [Measure(1, "names", detail="averages of the weights on one side only")]
    if weights is None:
        return []
    measures = [*update(weights), *statistics(weights)]
    return sorted(measures, key=lambda measure: measure.severity, reverse=True)


def statistics(weights: Weights | None) -> list[Measure]:
    """Each running statistic, the gravest first."""
    measures = [_tensor(tensor) for tensor in weights.statistics] if weights else []
    return sorted(measures, key=lambda measure: measure.severity, reverse=True)


def _tensor(tensor: ParameterDifference) -> Measure:
    detail = f"{tensor.name} (moved {tensor.movement:.1e})"
    proves = tensor.bound < 1 or tensor.apart
    if not proves:
        detail += (
            f": allowed {tensor.bound:.2g} of that, which no movement at all would keep to. Fewer "
            "updates or a lower rate make a proof"
        )
    return Measure(
        tensor.difference,
        "relative",
        Tolerance(tensor.bound, "x movement"),
        detail,
        proves=proves,
        raised=tensor.raised,
    )


def evaluation(a: Trace, b: Trace, floors: Sequence[Trace] = ()) -> list[Measure]:
    """Each evaluation of one run beside the other's: examples, correct answers, loss, metrics.

    Of runs that were not both done, those that both came to. floors: a's runs for the chaos floor.
    """
    done = a.outcome == b.outcome == DONE
    both = zip_longest if done else zip
    pairs = list(both(a.evaluations, b.evaluations))
    places = [f"at t = {(x or y).t}, " for x, y in pairs[:-1]] + [""]
    bars = _Bars(tolerances(a, b), size_of_losses(a, b), floor_factor(len(floors)))
    return [
        measure
        for place, (x, y), floor in zip(places, pairs, _floors(a, b, floors), strict=False)
        for measure in _evaluation(place, x, y, bars, floor)
    ]


@dataclass(frozen=True)
class _Bars:
    """What is allowed, and what widens it."""

    allowed: Tolerances
    size: float
    """What near 1 is to the losses."""
    factor: float
    """How many floors."""


@dataclass(frozen=True)
class _Floor:
    """How far a run and its nudged copy came apart up to an evaluation."""

    relative: float = 0.0
    """In the loss and the metrics."""
    correct: float = 0.0
    """In the correct answers, or what the losses' distance makes of the examples if that is more:
    counts may be equal by chance."""


def _floors(a: Trace, b: Trace, nudged: Sequence[Trace]) -> Iterator[_Floor]:
    """The largest of all nudged runs, evaluation by evaluation; then without an end."""
    of_each = [zip(_apart(a, one), _apart(b, one), strict=False) for one in nudged]
    for pairs in zip(*of_each, strict=False):
        floors = [_believed(own, others) for own, others in pairs]
        yield _Floor(max(f.relative for f in floors), max(f.correct for f in floors))
    yield from repeat(_Floor())


def _believed(own: _Floor, others: _Floor) -> _Floor:
    return _Floor(believed(own.relative, others.relative), believed(own.correct, others.correct))


def _apart(run: Trace, nudged: Trace) -> Iterator[_Floor]:
    reached, size = _Floor(), size_of_losses(run, nudged)
    losses = [(m.update or 0, m.value / MEANS) for m in during.loss(run, nudged)]
    clock = {update.attempt: update.t for update in run.updates}
    for x, y in zip(run.evaluations, nudged.evaluations, strict=False):
        losses_of = [] if x.loss is None else [(x.loss, y.loss)]
        pairs = [*losses_of, *((x.metrics[n], y.metrics.get(n)) for n in x.metrics)]
        apart = [relative(p, q, floor=LOSS_FLOOR * size) for p, q in pairs]
        trained = [value for update, value in losses if clock[update] < x.t]
        loss = max(reached.relative, *filter(math.isfinite, [*apart, *trained]), 0.0)
        correct = distance(x.correct or 0, y.correct or 0)
        reached = _Floor(loss, max(reached.correct, correct, loss * (x.examples or 0)))
        yield reached


def _evaluation(
    place: str,
    x: Evaluation | None,
    y: Evaluation | None,
    bars: _Bars,
    floor: _Floor,
) -> Iterator[Measure]:
    if x is None or y is None:
        sizes = ["none" if e is None else f"one of {e.examples or 'its own'}" for e in (x, y)]
        text = " against ".join(sizes)
        yield Measure(math.inf, "examples", detail=f"{place}evaluation: {text}")
        return
    if x.t != y.t:
        text = f"{place}evaluation at t = {x.t} against {y.t}"
        yield Measure(distance(x.t, y.t), "updates", detail=text)
    right = f"{place}{_right(x, y)}"
    if x.examples != y.examples:
        yield Measure(distance(x.examples or 0, y.examples or 0), "examples", detail=right)
    if x.correct is not None or y.correct is not None:
        share = bars.allowed.examples * min(x.examples or 0, y.examples or 0)
        bound = Tolerance(max(1.0, share), "examples")
        answers = Measure(distance(x.correct, y.correct), "examples", bound, right)
        yield answers.widened(floor.correct, bars.factor)
    if x.loss is not None or y.loss is not None:
        text = f"{place}evaluation loss {x.loss} against {y.loss}"
        bound = for_losses(bars.allowed, bars.size)
        value = relative(x.loss, y.loss, floor=LOSS_FLOOR * bars.size)
        loss = Measure(value, "relative", bound, text)
        yield loss.widened(floor.relative, bars.factor)
    for name in sorted(x.metrics.keys() | y.metrics.keys()):
        p, q = x.metrics.get(name), y.metrics.get(name)
        text = f"{place}{name} {p} against {q}"
        bound = for_losses(bars.allowed, 1.0)
        metric = Measure(relative(p, q, floor=LOSS_FLOOR), "relative", bound, text)
        yield metric.widened(floor.relative, bars.factor)


def _right(x: Evaluation, y: Evaluation) -> str:
    if x.correct is None and y.correct is None:
        return f"{x.examples} examples against {y.examples}"
    return f"{x.correct} of {x.examples} correct against {y.correct} of {y.examples}"

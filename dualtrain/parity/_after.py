"""What training arrived at: the final weights and the evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat, zip_longest

from dualtrain.listing import listed
from dualtrain.parity._finding import Measure
from dualtrain.parity._numbers import distance, relative
from dualtrain.parity._tolerances import (
    FLOOR_CORRECT,
    FLOOR_UPDATES,
    LOSS_FLOOR,
    Tolerance,
    Tolerances,
    believed,
    for_losses,
    tolerances,
)
from dualtrain.parity._weights import ParameterDifference, Weights
from dualtrain.trace import DONE, Evaluation, Trace

__all__ = ["averages", "evaluation", "update"]


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
    return update(weights) if weights is not None else []


def _tensor(tensor: ParameterDifference) -> Measure:
    detail = f"{tensor.name} (moved {tensor.movement:.1e})"
    proves = tensor.bound < 1 or tensor.apart
    if not proves:
        detail += f": allowed {tensor.bound:.2g} of that, which no movement at all would keep to"
    return Measure(
        tensor.difference,
        "relative",
        Tolerance(tensor.bound, "x movement"),
        detail,
        proves=proves,
        raised=tensor.raised,
    )


def evaluation(a: Trace, b: Trace, nudged: Trace | None = None) -> list[Measure]:
    """Each evaluation of one run beside the other's: examples, correct answers, loss, metrics.

    Of runs that were not both done, those that both came to. nudged: a's run for the chaos floor.
    """
    done = a.outcome == b.outcome == DONE
    both = zip_longest if done else zip
    pairs = list(both(a.evaluations, b.evaluations))
    allowed = tolerances(a, b)
    places = [f"at t = {(x or y).t}, " for x, y in pairs[:-1]] + [""]
    floors = chain(
        () if nudged is None else map(_believed, _floors(a, nudged), _floors(b, nudged)),
        repeat(_Floor()),
    )
    return [
        measure
        for place, (x, y), floor in zip(places, pairs, floors, strict=False)
        for measure in _evaluation(place, x, y, allowed, floor)
    ]


@dataclass(frozen=True)
class _Floor:
    """How far a run and its nudged copy came apart in any evaluation so far."""

    relative: float = 0.0
    """In the loss and the metrics."""
    correct: float = 0.0
    """In the correct answers, or what the losses' distance makes of the examples if that is more:
    counts may be equal by chance."""


def _believed(own: _Floor, others: _Floor) -> _Floor:
    return _Floor(believed(own.relative, others.relative), believed(own.correct, others.correct))


def _floors(run: Trace, nudged: Trace) -> Iterator[_Floor]:
    reached = _Floor()
    for x, y in zip(run.evaluations, nudged.evaluations, strict=False):
        pairs = [(x.loss, y.loss), *((x.metrics[n], y.metrics.get(n)) for n in x.metrics)]
        apart = [relative(p, q, floor=LOSS_FLOOR) for p, q in pairs]
        loss = max(reached.relative, *filter(math.isfinite, apart), 0.0)
        correct = distance(x.correct or 0, y.correct or 0)
        reached = _Floor(loss, max(reached.correct, correct, loss * x.examples))
        yield reached


def _evaluation(
    place: str,
    x: Evaluation | None,
    y: Evaluation | None,
    allowed: Tolerances,
    floor: _Floor,
) -> Iterator[Measure]:
    if x is None or y is None:
        text = " against ".join("none" if e is None else f"one of {e.examples}" for e in (x, y))
        yield Measure(math.inf, "examples", detail=f"{place}evaluation: {text}")
        return
    if x.t != y.t:
        text = f"{place}evaluation at t = {x.t} against {y.t}"
        yield Measure(distance(x.t, y.t), "updates", detail=text)
    right = f"{place}{_right(x, y)}"
    if x.examples != y.examples:
        yield Measure(distance(x.examples, y.examples), "examples", detail=right)
    if x.correct is not None or y.correct is not None:
        share = allowed.examples * min(x.examples, y.examples)
        bound = Tolerance(max(1.0, share), "examples")
        answers = Measure(distance(x.correct, y.correct), "examples", bound, right)
        yield answers.widened(floor.correct, FLOOR_CORRECT)
    text = f"{place}evaluation loss {x.loss} against {y.loss}"
    bound = for_losses(allowed)
    loss = Measure(relative(x.loss, y.loss, floor=LOSS_FLOOR), "relative", bound, text)
    yield loss.widened(floor.relative, FLOOR_UPDATES)
    for name in sorted(x.metrics.keys() | y.metrics.keys()):
        p, q = x.metrics.get(name), y.metrics.get(name)
        text = f"{place}{name} {p} against {q}"
        metric = Measure(relative(p, q, floor=LOSS_FLOOR), "relative", bound, text)
        yield metric.widened(floor.relative, FLOOR_UPDATES)


def _right(x: Evaluation, y: Evaluation) -> str:
    if x.correct is None and y.correct is None:
        return f"{x.examples} examples against {y.examples}"
    return f"{x.correct} of {x.examples} correct against {y.correct} of {y.examples}"

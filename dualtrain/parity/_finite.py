"""Numbers that are none: where both sides left the finite ones, nothing can be judged.

One side alone shows in the stage that meets the number. Both at once agree in every stage, for nan
stands beside nan; so they are a finding of their own, and what follows it proves nothing. Numbers
that explode may be out of bounds an update sooner on one side than on the other (`NEAR`), in
another field, or at other places of the final weights: that is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from dualtrain.listing import listed
from dualtrain.parity._during import at
from dualtrain.parity._finding import Measure
from dualtrain.parity._weight_set import WeightSet
from dualtrain.parity._weights import Weights
from dualtrain.trace import Evaluation, Trace, Update

__all__ = ["after_training", "exploded", "in_training", "numbers", "until"]

Numbers = tuple[float | None, ...]
"""The same number of each run; None where it was not recorded."""


NEAR = 3
"""How many updates later the other side may leave the finite numbers: a run that explodes squares
its numbers at every update, from 1e5 to beyond float32's 3e38 in three."""


def in_training(*runs: Trace) -> list[Measure]:
    """The update at which all runs had left the finite numbers; none where one did not.

    An update that was skipped for its gradients is none of them: it left nothing behind.
    """
    lost = _left(runs)
    if lost is None:
        return []
    first, last = lost
    updates = [run.updates[first] for run in runs]
    where = at(updates[0]) if first == last else f"updates {first} and {last}"
    left = [f"{name} {_shown(numbers)}" for name, numbers in _lost(updates)]
    text = f"{_who(runs)} the finite numbers at {where}: {listed(left, 2)}"
    return [Measure(1, "updates", detail=text, update=updates[0].attempt, proves=False)]


def _left(runs: Sequence[Trace]) -> tuple[int, int] | None:
    """The first and the last index at which a run left the finite numbers, if all did at once."""
    places = [
        next((i for i, update in enumerate(run.updates) if any(_lost([update]))), None)
        for run in runs
    ]
    found = [place for place in places if place is not None]
    if len(found) < len(places) or max(found) - min(found) > NEAR:
        return None
    return min(found), max(found)


def until(a: Trace, b: Trace) -> tuple[Trace, Trace]:
    """Both traces up to that update."""
    lost = _left((a, b))
    count = None if lost is None else lost[0]
    return _cut(a, count), _cut(b, count)


def numbers(a: Trace, b: Trace) -> list[Measure]:
    """What neither trace has as a finite number: in training, then before and after it."""
    return [*in_training(a, b), *_elsewhere(*until(a, b))]


def _elsewhere(a: Trace, b: Trace) -> list[Measure]:
    """The numbers of headers and evaluations that neither side has as finite ones."""
    pairs = zip(a.evaluations, b.evaluations, strict=False)
    found = [
        *_none_finite(_initial(a, b)),
        *(
            (f"at t = {x.t}, {name}", p, q)
            for x, y in pairs
            for name, p, q in _none_finite(_scores(x, y))
        ),
    ]
    texts = [f"{name} {_shown((p, q))}" for name, p, q in found]
    text = f"both sides have numbers that are not finite: {listed(texts)}"
    return [Measure(len(found), "names", detail=text, proves=False)] if found else []


def exploded(a: WeightSet | None, b: WeightSet | None) -> list[Measure]:
    """The final tensors that are not finite, where both sides have such and at other places.

    What is left of them then is no more to be judged than they are.
    """
    if a is None or b is None or not (a.lost and b.lost):
        return []
    names = sorted(a.lost.keys() | b.lost.keys())
    if all(n in a.lost and n in b.lost and np.array_equal(a.lost[n], b.lost[n]) for n in names):
        return []
    text = f"both sides end with weights that are not finite: {listed(names)}"
    return [Measure(len(names), "names", detail=text, proves=False)]


def after_training(weights: Weights | None, what: str) -> list[Measure]:
    """The final tensors that are not finite at the same places of both sides."""
    if weights is None or not weights.lost:
        return []
    text = f"both sides end with {what} that are not finite: {listed(weights.lost)}"
    return [Measure(len(weights.lost), "names", detail=text, proves=False)]


def _cut(trace: Trace, count: int | None) -> Trace:
    if count is None:
        return trace
    clock = trace.updates[count].t
    before = tuple(e for e in trace.evaluations if e.t <= clock)
    return replace(trace, updates=trace.updates[:count], evaluations=before)


def _lost(updates: Sequence[Update]) -> Iterator[tuple[str, Numbers]]:
    """What is no finite number in one of these updates, made side by side; of no skipped one."""
    if any(update.skipped for update in updates):
        return
    for name, field in _OF_AN_UPDATE.items():
        numbers = tuple(getattr(update, field) for update in updates)
        if any(map(_is_lost, numbers)):
            yield name, numbers
    for n, losses in enumerate(zip(*(u.micro_losses for u in updates), strict=False)):
        if any(map(_is_lost, losses)):
            yield f"loss of micro-batch {n}", losses


_OF_AN_UPDATE = {
    "loss": "loss",
    "gradient norm": "grad_norm",
    "norm after clipping": "clipped_norm",
    "rate": "lr",
    "momentum": "momentum",
    "loss scale": "loss_scale",
}

Named = tuple[str, float | None, float | None]


def _none_finite(named: Iterator[Named]) -> Iterator[Named]:
    return (one for one in named if _all_lost(one[1:]))


def _initial(a: Trace, b: Trace) -> Iterator[Named]:
    left, right = _of_parameters(a), _of_parameters(b)
    for name in sorted(left.keys() & right.keys()):
        yield name, left[name], right[name]
    for sample, rows in enumerate(zip(a.header.probe or (), b.header.probe or (), strict=False)):
        for label, (p, q) in enumerate(zip(*rows, strict=False)):
            yield f"the initial logit of sample {sample}, class {label}", p, q


def _of_parameters(trace: Trace) -> dict[str, float | None]:
    """The decay and the multiplier of each parameter, in effect and decided."""
    numbers: dict[str, float | None] = {}
    for one in trace.header.parameters:
        numbers[f"effective decay of {one.name}"] = one.effective_decay
        numbers[f"effective lr multiplier of {one.name}"] = one.effective_lr_multiplier
    for decision in trace.header.decisions.values():
        numbers[f"decay of {decision.name}"] = decision.decay
        numbers[f"lr multiplier of {decision.name}"] = decision.lr_multiplier
    return numbers


def _scores(x: Evaluation, y: Evaluation) -> Iterator[Named]:
    yield "evaluation loss", x.loss, y.loss
    for name in sorted(x.metrics.keys() & y.metrics.keys()):
        yield name, x.metrics[name], y.metrics[name]


def _all_lost(numbers: Sequence[float | None]) -> bool:
    return all(map(_is_lost, numbers))


def _is_lost(number: float | None) -> bool:
    return number is not None and not math.isfinite(number)


def _who(runs: Sequence[Trace]) -> str:
    return "both sides left" if len(runs) > 1 else "the run left"


def _shown(numbers: Numbers) -> str:
    return " and ".join("none" if number is None else f"{number:.7g}" for number in numbers)

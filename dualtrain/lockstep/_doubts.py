"""What must hold before the gradients of two sides can be compared at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dualtrain.listing import listed
from dualtrain.lockstep._nudges import bar
from dualtrain.lockstep._quantities import Quantities, distance, quantities, share, zeros
from dualtrain.lockstep._reading import Outcome, Reading
from dualtrain.lockstep._record import Led, Shown
from dualtrain.state import RunState

__all__ = ["doubts", "gradient_reading", "numbers"]


def gradient_reading(
    what: str,
    outcome: Outcome,
    detail: str,
    *,
    side: str = "both",
    tensor: str = "",
    value: float = math.inf,
    bar: float = 0.0,
    knob: str = "",
) -> Reading:
    """A reading of this half; without numbers one that no bar allows."""
    return Reading(
        half="gradients",
        what=what,
        side=side,
        tensor=tensor,
        value=value,
        bar=bar,
        outcome=outcome,
        detail=detail,
        knob=knob,
    )


def doubts(led: Led, a: Shown, b: Shown, *, u: float) -> list[Reading]:
    """Why nothing can be compared: other batches, a random model, another update than the leader's.

    What is merely told leaves the passes comparable. u: half an ULP of 1 in the type of the passes.
    """
    if found := list(_batches(led, a, b)):
        return found
    if found := list(_randomness(a, b)):
        return found
    return [*_replayed(led, a, u), *_made_again(led, a)]


def _batches(led: Led, a: Shown, b: Shown) -> Iterator[Reading]:
    for side, shown in (("a", a), ("b", b)):
        if shown.batches != led.batches:
            first = next(_unequal(led.batches, shown.batches))
            yield gradient_reading(
                "batches",
                "differs",
                f"micro-batch {first} is not that of the leading run",
                side=side,
                knob="task, batch.size, seed",
            )


def _unequal(a: Sequence[Any], b: Sequence[Any]) -> Iterator[int]:
    yield from (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    yield min(len(a), len(b))


def _randomness(a: Shown, b: Shown) -> Iterator[Reading]:
    """A model that draws: of both sides nothing can be said, one side alone is another model."""
    random = {side: shown.random for side, shown in (("a", a), ("b", b)) if shown.random}
    outcome: Outcome = "no proof" if len(random) == 2 else "differs"
    for side, how in random.items():
        yield gradient_reading(
            "randomness",
            outcome,
            f"the model is random: set its dropout to 0 ({how})",
            side=side,
            knob="task.model.dropout",
        )


def _replayed(led: Led, a: Shown, u: float) -> Iterator[Reading]:
    """The leading side's own pass from its own state, against that of its free run."""
    then, now = quantities(led.passed), quantities(a.passed)
    unequal = [name for name in then.keys() | now.keys() if not _same(name, then, now)]
    if not unequal:
        return
    nothing = zeros(quantities(a.wide)) if a.wide is not None else frozenset()
    apart = {
        name: distance(then[name], now[name]) * share(name, then, now, nothing)
        if name in then and name in now
        else math.inf
        for name in unequal
    }
    worst = max(sorted(apart), key=apart.__getitem__)
    near = apart[worst] <= bar(u, ())
    yield gradient_reading(
        "replay",
        "told" if near else "no proof",
        "its kernels do not add up alike twice"
        if near
        else f"from its own state it makes another pass than in its run, in {listed(sorted(apart))}"
        ": something is random there, or no part of the state",
        side="a",
        tensor=worst,
        value=apart[worst],
        bar=bar(u, ()),
    )


def _same(name: str, a: Quantities, b: Quantities) -> bool:
    return name in a and name in b and np.array_equal(a[name].values, b[name].values, True)


def _made_again(led: Led, a: Shown) -> Iterator[Reading]:
    """The leading side's own update with its own gradients, against that of its free run."""
    then, now = _moved(led.after, led), _moved(a.moved.after, led)
    apart = sorted(
        name
        for name in then.keys() | now.keys()
        if name not in then or name not in now or not np.array_equal(then[name], now[name], True)
    )
    if apart:
        yield gradient_reading(
            "replay",
            "no proof",
            f"from its own state and gradients it makes another update, in {listed(apart)}: "
            "something that the update uses is no part of the state",
            side="a",
            tensor=apart[0].rpartition("/")[2],
        )


def _moved(after: RunState, led: Led) -> Mapping[str, Any]:
    """What the rule has written: no running statistics, nothing that is a framework's own."""
    passing = {f"weights/{name}" for name in led.passed.statistics}
    return {
        name: array
        for name, array in after.arrays().items()
        if name not in passing and not name.startswith("own/")
    }


def numbers(a: Quantities, b: Quantities, attempt: int, *, scaled: bool) -> Reading | None:
    """What is said where a pass holds a number that is none; None where neither does.

    scaled: with a loss scale an update may overflow, and is skipped.
    """
    lost = {
        side: [name for name, held in made.items() if not held.finite]
        for side, made in (("a", a), ("b", b))
    }
    sides = [side for side, names in lost.items() if names]
    if not sides:
        return None
    if len(sides) == 2 and scaled:
        return gradient_reading("numbers", "agrees", "both sides overflow", value=0.0)
    if len(sides) == 2:
        return gradient_reading(
            "numbers",
            "no proof",
            f"both sides left the numbers at update {attempt}: look at optimizer.lr, clip",
            knob="optimizer.lr, clip",
        )
    (side,) = sides
    names = listed(lost[side])
    return gradient_reading(
        "numbers",
        "no proof" if scaled else "differs",
        f"it alone overflows, in {names}: rounding may decide that"
        if scaled
        else f"it alone left the numbers, in {names}",
        side=side,
        tensor=lost[side][0],
        knob="amp.loss_scale" if scaled else "task.model, loss",
    )

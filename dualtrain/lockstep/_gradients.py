"""Half (a): the gradients, losses and running statistics of two sides, from equal weights.

In float64, where float32's weights and batch are exact, two honest passes agree to 1e-9 and better,
without kinks: what is beyond 4 units of float32 is another gradient. Between the two is a constant
of float32 inside a kernel, or a fault as small: told.

In the run's own types they agree to 64 units, most often; else to eight times what rounding is seen
to do: to three nudged passes, and to both sides, each held against its own pass in float64. Of the
two errors the smaller counts: a fault of one side's float32 alone would excuse itself by the other.
What is left may be a kink, where a unit of a ReLU is on the other side for rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dualtrain.lockstep._doubts import doubts, gradient_reading, numbers
from dualtrain.lockstep._knobs import with_knobs
from dualtrain.lockstep._nudges import bar
from dualtrain.lockstep._quantities import (
    ZERO,
    Quantities,
    Quantity,
    distance,
    quantities,
    share,
    whole,
    zeros,
)
from dualtrain.lockstep._reading import Excuse, Outcome, Reading
from dualtrain.lockstep._record import Led, Shown
from dualtrain.lockstep._units import DOUBLE, SINGLE, TYPES

__all__ = ["EQUAL", "judge_gradients"]

EQUAL = 1e-9
"""Relative, in float64. Measured of honest models: at most 1.8e-11 (GPT-2), but for kernels with
constants in float32 (7.5e-9)."""

TOLD = 4 * SINGLE
"""The same, beyond which it is no constant of float32: the worst of those measured is 6.5e-8."""


def judge_gradients(led: Led, a: Shown, b: Shown, *, u: float = SINGLE) -> list[Reading]:
    """What two sides' passes from the leading side's state say of each other.

    u: half an ULP of 1 in the type that the passes compute in.

    A reading for each gradient, loss and statistic of each stage; one alone where nothing can be
    compared.
    """
    found = doubts(led, a, b, u=u)
    if any(reading.outcome != "told" for reading in found):
        return found
    a_own, b_own = quantities(a.passed), quantities(b.passed)
    if absent := list(_absent(a_own, b_own)):
        return [*found, *absent]
    lost = numbers(a_own, b_own, led.attempt, scaled=led.before.loss_scale is not None)
    if lost is not None and lost.outcome != "agrees":
        return [*found, lost]
    a_wide, b_wide = (None if s.wide is None else quantities(s.wide) for s in (a, b))
    double = u == DOUBLE and not (a.narrow or b.narrow)
    if double:  # the passes are in float64 themselves
        a_wide, b_wide = a_own, b_own
    found += _unproved(a, b, (a_wide, b_wide))
    proved = False
    if a_wide is not None and b_wide is not None and not (a.narrow or b.narrow):
        wide = list(_in_double(a_wide, b_wide))
        found += with_knobs(wide, a_wide, b_wide)
        if double or any(reading.outcome == "differs" for reading in wide):
            return found
        proved = True
    if lost is not None:
        return [*found, lost]
    passes = _Passes(a=a, b=b, own=(a_own, b_own), wide=(a_wide, b_wide), proved=proved)
    return [*found, *with_knobs(list(_in_own_types(passes, max(u, SINGLE))), a_own, b_own)]


def _unproved(a: Shown, b: Shown, wide: tuple[Quantities | None, ...]) -> Iterator[Reading]:
    """Why stage 1 says nothing; what is left is blunter."""
    for side, shown, held in zip("ab", (a, b), wide, strict=True):
        if shown.narrow or held is None:
            why = shown.narrow or "there is no pass in float64"
            yield gradient_reading("float64", "told", why, side=side, value=0.0)


def _absent(a: Quantities, b: Quantities) -> Iterator[Reading]:
    for name in sorted(a.keys() ^ b.keys()):
        lacking, held = ("b", a[name]) if name in a else ("a", b[name])
        detail = f"it has none, the other side has{'' if held.tensor else f' {name}'}"
        knob = "task.model, freeze, batch"
        yield gradient_reading(
            held.kind, "differs", detail, side=lacking, tensor=held.tensor, knob=knob
        )


def _in_double(a: Quantities, b: Quantities) -> Iterator[Reading]:
    """Stage 1: both sides in float64."""
    nothing = ZERO * max(whole(a), whole(b))
    for name in [name for name in a if name in b]:
        x, y = a[name], b[name]
        apart = distance(x, y)
        if x.kind == "gradient" and apart * max(x.size, y.size) <= nothing:
            apart = 0.0  # its rounding, beside the whole
        equal = TOLD if x.kind == "statistic" else EQUAL  # the momentum is one of float32
        outcome: Outcome = "agrees" if apart <= equal else "told" if apart <= TOLD else "differs"
        yield gradient_reading(
            x.kind,
            outcome,
            _text(
                name,
                x,
                "in float64: a constant of float32 in a kernel, or a fault as small"
                if outcome == "told"
                else "in float64",
            ),
            tensor=x.tensor,
            value=apart,
            bar=TOLD,
        )


@dataclass(frozen=True, kw_only=True)
class _Passes:
    """What the stages in the run's own types look at."""

    a: Shown
    b: Shown
    own: tuple[Quantities, Quantities]
    wide: tuple[Quantities | None, Quantities | None]
    proved: bool
    """Whether float64 has shown the two passes to be equal."""

    def errors(self, name: str) -> list[float]:
        """Each side's own distance to its own pass in float64; nothing where one has none."""
        pairs = [
            (own[name], wide[name])
            for own, wide in zip(self.own, self.wide, strict=True)
            if wide is not None and name in wide
        ]
        return [distance(own, wide) for own, wide in pairs] if len(pairs) == 2 else []

    def nudges(self, name: str) -> list[float]:
        """How far the nudged passes of both sides are from their own."""
        shown = (*self.a.nudges, *self.b.nudges)
        return [nudge[name] for nudge in shown if name in nudge]

    def reached(self, name: str) -> float:
        """How near further ones came to the leading side's."""
        return min(shown.reached.get(name, math.inf) for shown in (self.a, self.b))


def _in_own_types(passes: _Passes, u: float) -> Iterator[Reading]:
    """Stages 2 to 4: both sides in the types of the run."""
    a, b = passes.own
    nothing = zeros(*(wide for wide in passes.wide if wide is not None))
    for name, x in a.items():
        part = share(name, a, b, nothing)
        errors = passes.errors(name)
        floors = [*passes.nudges(name), min(errors, default=0.0)]
        allowed = bar(u, [part * floor for floor in floors])
        apart = part * distance(x, b[name])
        told, side = f"in {TYPES[u]}", "both"
        outcome: Outcome = "agrees"
        excuse: Excuse = ""
        if part * passes.reached(name) <= allowed < apart:
            outcome, excuse = "told", "kink"
            told += ": a kink, for weights moved by a few ULP make as much of it"
        elif apart > allowed and passes.proved and errors:
            outcome, excuse = "told", "kernel"
            side = "ab"[int(np.argmax(errors))]
            told += f" alone, {max(errors):.1e} from its own float64 where the other side is "
            told += f"{min(errors):.1e}: a kink, or a fault of a kernel"
        elif apart > allowed:
            outcome = "differs"
        reading = gradient_reading(
            x.kind,
            outcome,
            _text(name, x, told),
            side=side,
            tensor=x.tensor,
            value=apart,
            bar=allowed,
        )
        yield replace(reading, excuse=excuse)


def _text(name: str, held: Quantity, told: str) -> str:
    return told if held.tensor else f"{name}, {told}"

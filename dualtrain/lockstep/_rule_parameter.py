"""One parameter's update, held against its rule: the weight, each state, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualtrain.lockstep._reading import Outcome, Reading
from dualtrain.lockstep._rounded import SINGLE, Rounded, precision_of
from dualtrain.lockstep._rule_held import MARGIN, Held, held, not_equal, rule_reading
from dualtrain.lockstep._rule_slope import Slope, rounded_alone, slope
from dualtrain.lockstep._rule_step import Factors, Step, stepped
from dualtrain.optimizers import UpdateRule
from dualtrain.state import Arrays

__all__ = ["RATE", "SAMPLE", "Parameter", "judge_parameter", "sampled"]

SAMPLE = 2**15
"""So many numbers of a larger tensor are judged: a rule that is wrong is wrong everywhere."""

DECAY_BAR = 1.0
"""In units of rounding of a weight. Honest: 0.5 where 1 - lr wd is rounded; at most 0.33 seen."""
RATE = "optimizer.lr, schedule"
"""The fields of a step that is off by one factor."""
RATE_BAR = 16.0
"""In units of rounding of a step. Honest: half a unit for each number that makes up the rate."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a judge is told of an update of a parameter."""

    name: str
    side: str
    rule: UpdateRule
    factors: Factors
    gradient: NDArray[Any]
    """As the optimizer used it."""
    weight: NDArray[Any]
    kept: Arrays
    """What the optimizer kept of it before; nothing before its first update."""
    weight_after: NDArray[Any]
    kept_after: Arrays


def judge_parameter(given: Parameter) -> list[Reading]:
    """Readings of its weight, its states, and of decay and rate over the whole tensor."""
    given = _sample(given)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        step = stepped(given.rule, given.kept, given.weight, given.gradient, given.factors)
        of_states = [*_states(given, step.state), *_powers(given, step)]
        wrong = next((r.knob for r in of_states if r.outcome == "differs"), "")
        return [*of_states, *_of_weight(given, step.weight, wrong)]


def sampled(array: NDArray[Any]) -> NDArray[Any]:
    """Of a large array a fixed sample, flat, spread evenly but on no raster; else all of it."""
    if array.size <= SAMPLE:
        return array
    spread = np.arange(SAMPLE) * _GOLDEN % 1.0
    return array.reshape(-1)[np.sort((spread * array.size).astype(np.int64))]


_GOLDEN = (5.0**0.5 - 1.0) / 2.0


def _sample(given: Parameter) -> Parameter:
    """The parameter, or so many of its numbers; whole where the rule takes its norm."""
    if given.weight.size <= SAMPLE or given.rule.trust_ratio:
        return given
    return Parameter(
        name=given.name,
        side=given.side,
        rule=given.rule,
        factors=given.factors,
        gradient=sampled(given.gradient),
        weight=sampled(given.weight),
        kept={n: sampled(a) for n, a in given.kept.items()},
        weight_after=sampled(given.weight_after),
        kept_after={n: sampled(a) for n, a in given.kept_after.items()},
    )


def _states(given: Parameter, states: Any) -> Iterator[Reading]:
    """Each array and number that the rule keeps, and the count, for as long as a bias hangs on it.

    Where powers of the betas are kept in its place, none is left after some time.
    """
    rule, after = given.rule, given.kept_after
    for what in (*rule.state_arrays, *rule.state_numbers):
        if what not in after:
            yield not_equal(given.side, what, given.name, "optimizer", "is not kept", np.inf)
            continue
        found = held(after[what], states[what])
        yield found.reading(
            side=given.side, what=what, tensor=given.name, knob=partial(_knob, given, what, found)
        )
    if "step" in after:
        count, expected = int(after["step"]), int(states["step"])
        tells = min(dict(rule)["betas"]) ** expected > precision_of(given.weight).unit
        detail = f"{count} updates, expected {expected}"
        off = float(abs(count - expected)) if tells else 0.0
        yield not_equal(given.side, "step", given.name, "optimizer", detail, off)


def _powers(given: Parameter, step: Step) -> Iterator[Reading]:
    """The powers that the side goes on with, each a product of as many roundings as updates.

    0.96^k of NAdam falls below float32's numbers: that is told, and the update judged with it.
    """
    of = given.factors.precision(given.weight)
    for power in step.powers:
        honest = of.entry * (step.state["step"] + 2) * abs(power.terms) + of.normal
        value = abs(power.own - power.exact) / honest
        off: Outcome = "told" if power.name == "falling" else "differs"
        yield rule_reading(
            side=given.side,
            what=f"power {power.name}",
            tensor=given.name,
            value=value,
            bar=MARGIN,
            outcome="agrees" if value <= MARGIN else off,
            detail=f"{power.own:.8g}, exactly {power.exact:.8g}",
            knob="optimizer.betas",
        )


def _knob(given: Parameter, what: str, found: Held) -> str:
    """The fields that a state hangs on; weight decay alone, if the weights explain what is off."""
    rule = given.rule
    alike, decays = found.error.shape == given.weight.shape, bool(given.factors.decay)
    if alike:
        along = slope(found, given.weight.astype(np.float64))
        if along.is_all or (decays and along.is_most):
            return "weight_decay"
    coupled = alike and not rule.decoupled
    fields = [f"optimizer.{word}" for word in _WORDS[what] if word in type(rule).model_fields]
    return ", ".join([*fields, *(["weight_decay"] if coupled and decays else [])])


_RATES = ("betas", "rho")
_WORDS = {
    "first_moment": _RATES,
    "second_moment": _RATES,
    "largest_second_moment": ("amsgrad", "betas"),
    "largest_gradient": ("betas", "eps"),
    "velocity": ("momentum", "coefficient", "rho", "eps"),
    "sum_of_squares": ("initial_accumulator",),
    "second_moment_of_updates": ("rho", "eps"),
    "step_size": ("etas", "step_sizes"),
    "last_gradient": (),
    "momentum_product": ("betas", "momentum_decay"),
}
"""State -> the words that it may hang on."""


def _of_weight(given: Parameter, weight: Rounded, wrong: str) -> Iterator[Reading]:
    """wrong: the fields that a state which is off already names."""
    rule, found = given.rule, held(given.weight_after, weight)
    unit = _unit(given)
    before = given.weight.astype(np.float64)
    knob = wrong or ("optimizer.eps" if "eps" in type(rule).model_fields else "optimizer")
    shrunk = before * given.factors.lr * given.factors.decay if rule.decoupled else 0.0
    moved = weight.value - before + shrunk
    alone = rounded_alone(weight.value, unit)
    if rule.shrinks or not rule.state_arrays:  # elsewhere decay shows in a state
        decay = slope(found, before, beside=moved, still=unit * np.abs(before), alone=alone)
        if not wrong and decay.is_all and decay.sure > DECAY_BAR * unit:
            knob = "weight_decay"
        yield from _sloping(given, "decay", decay, DECAY_BAR, wrong or "weight_decay")
    if not rule.reads_rate_once:
        rate = slope(found, moved, beside=before, alone=alone)
        bar = RATE_BAR + (before.size**0.5 / 4.0 if rule.trust_ratio else 0.0)
        if not wrong and rate.is_most and rate.sure > bar * unit:
            knob = RATE
        yield from _sloping(given, "rate", rate, bar, knob)
    yield found.reading(side=given.side, what="weight", tensor=given.name, knob=knob)


def _unit(given: Parameter) -> float:
    """Of what is off alike in a tensor: that in which the side holds its numbers."""
    kept = SINGLE if given.rule.state_numbers else given.factors.precision(given.weight)
    return kept.entry


def _sloping(given: Parameter, what: str, found: Slope, bar: float, knob: str) -> Iterator[Reading]:
    """In units of rounding; nothing where nothing can be told."""
    if not np.isfinite(found.spread):
        return
    unit = _unit(given)
    value = found.sure / unit
    of = "weights" if what == "decay" else "step"
    yield rule_reading(
        side=given.side,
        what=what,
        tensor=given.name,
        value=value,
        bar=bar,
        outcome="differs" if value > bar else "agrees",
        detail=f"off by {found.value:+.1e} of the {of}" if value > bar else "",
        knob=knob,
    )

"""Half (b): the next state, from a state and given gradients, held against the rule in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dualtrain.ledger import THE_MODEL
from dualtrain.lockstep._reading import Reading
from dualtrain.lockstep._record import Move
from dualtrain.lockstep._rounded import precision_of
from dualtrain.lockstep._rule_clip import judge_clip
from dualtrain.lockstep._rule_clock import judge_clock, rate_of
from dualtrain.lockstep._rule_held import held, not_equal
from dualtrain.lockstep._rule_parameter import RATE, Parameter, judge_parameter, sampled
from dualtrain.lockstep._rule_step import Factors, exact
from dualtrain.plan import Plan, decay_at
from dualtrain.state import Arrays
from dualtrain.trace import Decision

__all__ = ["judge_rule"]


def judge_rule(
    move: Move, *, side: str, plan: Plan, decisions: Mapping[str, Decision], probe: bool = False
) -> list[Reading]:
    """What a side made of the gradients that it was handed, against what the spec says.

    plan, decisions: of the leading side, for either. probe: whether the state was made up.

    Everything is judged by its own: the norm by the gradients, the clip by the norm as the side
    took it, the weights and states by the gradients as the optimizer used them, the averages by the
    weights. Values are float64, with the numbers as the side holds them (`Move.scalars`); bars
    follow from the roundings that any evaluation makes, `MARGIN` times as large.
    """
    readings = judge_clock(move, side=side, plan=plan)
    if move.skipped:
        readings += _still(move, side, decisions)
    else:
        moving = {
            n for n in move.handed if n in decisions and _trains(decisions[n]) and n in move.clipped
        }
        readings += judge_clip(move, plan.spec.clip, side=side)
        readings += _who_moves(move, side, decisions)
        readings += _still(move, side, {n: d for n, d in decisions.items() if n not in moving})
        readings += _moved(move, side, plan, {n: decisions[n] for n in sorted(moving)})
        readings += _averages(move, side, plan)
    if probe:
        readings = [
            replace(r, detail=": ".join(filter(None, (_MADE_UP, r.detail)))) for r in readings
        ]
    return readings


_MADE_UP = "from a state made up"


def _trains(decision: Decision) -> bool:
    return not decision.frozen and decision.freeze_rule != THE_MODEL


def _who_moves(move: Move, side: str, decisions: Mapping[str, Decision]) -> Iterator[Reading]:
    """Each gradient that was handed over is used, and no other."""
    for name in sorted(move.handed.keys() ^ move.clipped.keys()):
        used = name in move.clipped
        detail = "moves without a gradient" if used else "stands still, though it has a gradient"
        yield not_equal(side, "weight", name, "freeze", detail, np.inf)


def _still(move: Move, side: str, decisions: Mapping[str, Decision]) -> Iterator[Reading]:
    """What has no gradient, and what is skipped, stands still to the bit: weight and state."""
    before, after = move.before.tensors, move.after.tensors
    for name in sorted(decisions):
        off = _apart(before.weights.get(name), after.weights.get(name))
        yield not_equal(side, "weight", name, "freeze", "moved, and is to stand still", off)
        for what in sorted({*before.optimizer.get(name, {}), *after.optimizer.get(name, {})}):
            one, other = (t.optimizer.get(name, {}).get(what) for t in (before, after))
            detail = "changed, and is to stand still"
            yield not_equal(side, what, name, "freeze", detail, _apart(one, other))
    if move.skipped:
        for name in sorted(move.before.averages):
            off = _apart(move.before.averages[name], move.after.averages.get(name))
            yield not_equal(side, "average", name, "ema", "changed in a skipped update", off)


def _apart(one: object, other: object) -> float:
    """The largest difference of two arrays; what is not a number is equal to itself."""
    if one is None or other is None:
        return 0.0 if one is other else np.inf
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        return np.inf
    different = (a != b) & ~np.isnan(a)
    return float(np.abs(a - b)[different].max(initial=0.0))


def _moved(
    move: Move, side: str, plan: Plan, decisions: Mapping[str, Decision]
) -> Sequence[Reading]:
    """Each parameter that moves; of the rates that are off, whether all are."""
    before, after, rate = move.before.tensors, move.after.tensors, rate_of(move, plan)
    found: list[Reading] = []
    for name, decision in decisions.items():
        factors = Factors(
            lr=rate * decision.lr_multiplier,
            decay=decision.decay,
            momentum=plan.momentum_at(move.before.t),
            scalars=move.scalars.get(name),
        )
        found += judge_parameter(
            Parameter(
                name=name,
                side=side,
                rule=plan.spec.rule.having(decision.betas),
                factors=factors,
                gradient=move.clipped[name],
                weight=before.weights[name],
                kept=before.optimizer.get(name, {}),
                weight_after=after.weights[name],
                kept_after=after.optimizer.get(name, {}),
            )
        )
    return _named(found, {n for n, d in decisions.items() if d.decay})


def _named(found: Sequence[Reading], decaying: set[str]) -> list[Reading]:
    """The readings of steps that are off, with the fields that explain them together.

    Where most are off by a rate each, and it is one, it is that of all; of those alone that decay,
    decay is made with it; else some have another multiplier.
    """
    states = {r.tensor for r in found if r.what not in _STEP and r.outcome == "differs"}
    knobs = {r.tensor: r.knob for r in found if r.what == "weight"}
    off = {r.tensor for r in found if r.what in _STEP and r.outcome == "differs"} - states
    off = {n for n in off if knobs[n] != "weight_decay"}
    rates = [r for r in found if r.what == "rate" and r.tensor in off and r.knob == RATE]
    if not off:
        return list(found)
    if 2 * len(rates) < len(off):
        named = min(knobs[n] for n in off if knobs[n] != RATE)
    elif not _is_one(rates):
        named = "lr_multipliers, layer_decay"
    elif off == decaying != knobs.keys():
        named = "weight_decay"
    else:
        named = RATE if 2 * len(off) > len(knobs) else "lr_multipliers"
    return [replace(r, knob=named) if r.tensor in off and r.what in _STEP else r for r in found]


def _is_one(rates: Sequence[Reading]) -> bool:
    """Whether most tensors' rates are off by as much, as far as it is sure."""
    middle = float(np.median([r.value for r in rates]))
    return 2 * sum(abs(r.value - middle) <= 0.01 * middle + r.bar for r in rates) >= len(rates)


_STEP = ("weight", "decay", "rate")
"""What is read of a step; all else that a parameter has is a state."""


def _averages(move: Move, side: str, plan: Plan) -> Iterator[Reading]:
    """d average + (1 - d) weight, of the weight after the update."""
    if plan.spec.ema is None:
        return
    share = 1.0 - decay_at(plan.spec.ema, move.before.averaged)
    after: Arrays = move.after.tensors.weights
    for name, average in sorted(move.before.averages.items()):
        if name not in move.after.averages or name not in after:
            yield not_equal(side, "average", name, "ema", "is not averaged", np.inf)
            continue
        of = precision_of(average)
        old, weight = exact(sampled(average), of), exact(sampled(after[name]), of)
        found = held(sampled(move.after.averages[name]), old + share * (weight - old))
        yield found.reading(side=side, what="average", tensor=name, knob="ema")

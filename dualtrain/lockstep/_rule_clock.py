"""What is one number of a run: its clock, rate, momentum and loss scale, and whether it moved."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from dualtrain.lockstep._reading import Reading
from dualtrain.lockstep._record import Move
from dualtrain.lockstep._rule_held import not_equal
from dualtrain.plan import Plan, Plateau, Scaling

__all__ = ["is_to_skip", "judge_clock", "rate_of"]


def rate_of(move: Move, plan: Plan) -> float:
    """The rate of the update: the plan's, or that of the metrics so far."""
    if not plan.spec.schedule.needs_metric:
        return plan.lr_at(move.before.t)
    plateau = Plateau(plan)
    if move.before.plateau is not None:
        plateau.restore(move.before.plateau)
    return plateau.rate_at(move.before.t)


def is_to_skip(move: Move) -> bool:
    """Whether the update is one that loss scaling skips: a gradient is not finite."""
    if move.before.loss_scale is None:
        return False
    return not all(np.isfinite(g).all() for g in move.handed.values())


def judge_clock(move: Move, *, side: str, plan: Plan) -> list[Reading]:
    """Rate and momentum, the skip, the counts and the loss scale; each equal to the bit."""
    return list(_judged(move, side, plan))


def _judged(move: Move, side: str, plan: Plan) -> Iterator[Reading]:
    skipped = is_to_skip(move)
    yield not_equal(
        side,
        "skip",
        "",
        "amp.loss_scale",
        f"{'skipped' if move.skipped else 'made'}, to be {'skipped' if skipped else 'made'}",
        float(move.skipped != skipped),
    )
    if not move.skipped:
        yield _number(side, "learning rate", move.lr, rate_of(move, plan), "optimizer.lr, schedule")
        momentum = plan.momentum_at(move.before.t)
        if momentum is not None or move.momentum is not None:
            yield _number(side, "momentum", move.momentum, momentum, "schedule")
    yield from _counts(move, side, plan, skipped)
    if move.before.loss_scale is not None:
        scaling = Scaling.of(plan.spec.amp)
        after = move.after.loss_scale
        expected = scaling and scaling.restored(move.before.loss_scale).after(finite=not skipped)
        detail = f"{after}, expected {expected and expected.state()}"
        off = float(expected is None or after != expected.state())
        yield not_equal(side, "loss scale", "", "amp.loss_scale", detail, off)


def _counts(move: Move, side: str, plan: Plan, skipped: bool) -> Iterator[Reading]:
    before, after = move.before, move.after
    stays = skipped and plan.holds_on_skip
    for what, value, expected, knob in (
        ("clock", after.t, before.t + (not stays), "amp.on_skip"),
        ("skipped updates", after.skipped, before.skipped + skipped, "amp.loss_scale"),
        (
            "averaged updates",
            after.averaged,
            before.averaged + (plan.spec.ema is not None and not skipped),
            "ema",
        ),
    ):
        detail = f"{value}, expected {expected}"
        yield not_equal(side, what, "", knob, detail, float(abs(value - expected)))


def _number(
    side: str, what: str, value: float | None, expected: float | None, knob: str
) -> Reading:
    """A number, as float64 has it; how many of its ULP it is off."""
    if value is None or expected is None:
        off = float(value is not expected) and math.inf
    else:
        off = abs(value - expected) / math.ulp(expected)
    return not_equal(side, what, "", knob, f"{value!r}, expected {expected!r}", off)

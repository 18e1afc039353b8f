"""What may not be meant about warmup."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from dualtrain.explain._concern import AdviceRules
from dualtrain.plan import Plan, round_product, warmup_note
from dualtrain.spec import Rounding

__all__ = ["WARMUP_RULES", "moving"]

WARMUP_RULES = AdviceRules()
"""In the order in which they are told."""


def moving(plan: Plan) -> list[int]:
    """The first and the last update whose rate is not 0; empty where none or a metric decides."""
    if plan.spec.schedule.needs_metric:
        return []
    found = np.flatnonzero(plan.lr_curve())
    return [int(found[0]), int(found[-1])] if len(found) else []


def _idle_start(plan: Plan) -> int:
    """Updates with rate 0 before the first with another."""
    if plan.spec.schedule.needs_metric:
        return 0
    found = moving(plan)
    return found[0] if found else plan.total_updates


def _product(plan: Plan) -> tuple[float, int, str] | None:
    """proportion, horizon, and what the three roundings make of their product, if not the same."""
    warmup, curve = plan.spec.warmup, plan.curve
    if warmup is None or warmup.proportion is None:
        return None
    length = curve.horizon
    found = {rule: round_product(warmup.proportion, length, rule) for rule in _ROUNDINGS}
    if found["floor"] == found["ceil"]:
        return None
    told = ", ".join(f"{rule} {number}" for rule, number in found.items())
    product = f"{warmup.proportion} x {length} is {warmup.proportion * length!r}: {told}"
    return warmup.proportion, length, product


_ROUNDINGS: tuple[Rounding, ...] = ("floor", "ceil", "round")


def _is_whole(proportion: float, length: int) -> bool:
    """Whether the product is whole as it is written, in decimals."""
    return (Fraction(repr(proportion)) * length).denominator == 1


@WARMUP_RULES.warning(
    "warmup",
    "most of the run happens below the base rate; a proportion of 1.0 instead of one "
    "update is a known slip",
)
def _warmup_is_long(plan: Plan) -> str | None:
    warmup, total = plan.warmup_updates, plan.total_updates
    return f"W = {warmup} of T = {total} updates" if 2 * warmup > total else None


@WARMUP_RULES.warning(
    "warmup.proportion",
    "the run starts at the full rate; Hugging Face's trainer rounds up, so that a "
    "proportion is never nothing",
)
def _warmup_rounds_to_nothing(plan: Plan) -> str | None:
    return warmup_note(plan)


@WARMUP_RULES.warning(
    "warmup",
    "they move no weight, only the optimizer's moments; with per: epoch the rate is 0 "
    "for the whole first epoch",
)
def _first_updates_are_idle(plan: Plan) -> str | None:
    idle = _idle_start(plan)
    return f"updates 0 to {idle - 1} have rate 0" if idle > 1 else None


@WARMUP_RULES.warning(
    "warmup.counted",
    "counted inside or over, the schedule counts from t = 0, and where it is at the end of "
    "warmup the rate jumps to; before, it begins there, as in Paddle's LinearWarmup",
)
def _rate_jumps_after_warmup(plan: Plan) -> str | None:
    warmup, base = plan.curve.begin, plan.spec.optimizer.lr
    if not 0 < warmup < plan.total_updates or plan.spec.schedule.needs_metric:
        return None
    if plan.curve.rise.counted == "times":
        return None  # the schedule is there from the start
    rate = plan.lr_at(warmup)
    if math.isclose(rate, base, rel_tol=1e-9):
        return None
    return f"the rise is to {base:.3g}, and the rate of update {warmup} is {rate:.3g}"


@WARMUP_RULES.warning(
    "warmup.proportion",
    "the product is whole in decimals and not in binary, so libraries that round up "
    "and down differ by an update; give warmup.steps",
)
def _proportion_only_binary(plan: Plan) -> str | None:
    found = _product(plan)
    return found[2] if found is not None and _is_whole(*found[:2]) else None


@WARMUP_RULES.note(
    "warmup.start",
    "it moves no weight, only the optimizer's moments; paddlenlp and transformers do "
    "the same, torchtitan starts at 1 / (W + 1)",
)
def _first_update_is_idle(plan: Plan) -> str | None:
    return "update 0 has rate 0" if _idle_start(plan) == 1 else None


@WARMUP_RULES.note(
    "warmup.rounding",
    "paddlenlp rounds down, the Trainers of Hugging Face up, PaddleOCR to the nearest",
)
def _proportion_is_rounded(plan: Plan) -> str | None:
    found = _product(plan)
    return found[2] if found is not None and not _is_whole(*found[:2]) else None

"""What may not be meant about the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from dualtrain.explain._concern import Rule
from dualtrain.explain._spans import has_horizon, turns
from dualtrain.plan import Plan, round_product
from dualtrain.spec import (
    Cosine,
    CosineAnnealingWarmRestarts,
    CosineWithMinLr,
    CosineWithRestarts,
    Cyclic,
    MultiStep,
    Noam,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    Rounding,
    Schedule,
    Sequential,
    Step,
    WarmupStableDecay,
)

__all__ = ["RATE_RULES"]


def _warmup_is_long(plan: Plan) -> str | None:
    warmup, total = plan.warmup_updates, plan.total_updates
    return f"W = {warmup} of T = {total} updates" if 2 * warmup > total else None


def _jumps_after_warmup(plan: Plan) -> str | None:
    warmup, base = plan.warmup_updates, plan.spec.optimizer.lr
    if not 0 < warmup < plan.total_updates or isinstance(plan.spec.schedule, ReduceOnPlateau):
        return None
    rate = plan.lr_at(warmup)
    if math.isclose(rate, base, rel_tol=1e-9):
        return None
    return f"the rise is to {base:.3g}, and the rate of update {warmup} is {rate:.3g}"


def _moving(plan: Plan) -> list[int]:
    """The first and the last update whose rate is not 0; none where a metric decides."""
    if isinstance(plan.spec.schedule, ReduceOnPlateau):
        return []
    found = np.flatnonzero(plan.lr_curve())
    return [int(found[0]), int(found[-1])] if len(found) else []


def _idle_start(plan: Plan) -> int:
    """Updates with rate 0 before the first with another."""
    moving = _moving(plan)
    return moving[0] if moving else 0


def _first_update_is_idle(plan: Plan) -> str | None:
    return "update 0 has rate 0" if _idle_start(plan) == 1 else None


def _first_updates_are_idle(plan: Plan) -> str | None:
    idle = _idle_start(plan)
    return f"updates 0 to {idle - 1} have rate 0" if idle > 1 else None


def _last_updates_are_idle(plan: Plan) -> str | None:
    moving = _moving(plan)
    last = plan.total_updates - 1
    if not moving or moving[-1] == last:
        return None
    first = moving[-1] + 1
    idle = f"update {last} has" if first == last else f"updates {first} to {last} have"
    return f"{idle} rate 0"


def _stays_at_its_end(plan: Plan) -> str | None:
    rest = plan.total_updates - plan.horizon
    if rest <= 0 or not has_horizon(plan.spec.schedule) or not plan.lr_at(plan.horizon):
        return None
    rate = plan.lr_at(plan.horizon)
    return f"the rate stays at {rate:.3g} for the last {rest} updates"


def _end(plan: Plan) -> int:
    """T, or the end of the epoch in which the run ends if the schedule counts epochs."""
    unit = plan.curve.updates_per_count
    return -(-plan.total_updates // unit) * unit


def _never_ends(plan: Plan) -> str | None:
    if plan.horizon <= _end(plan) or not has_horizon(plan.spec.schedule):
        return None
    last, end = plan.lr_at(plan.total_updates - 1), plan.lr_at(plan.horizon)
    return (
        f"the schedule ends at t = {plan.horizon}, the run before t = {plan.total_updates}: its "
        f"last rate is {last:.3g}, the schedule's {end:.3g}"
    )


def _horizon_is_unused(plan: Plan) -> str | None:
    spec = plan.spec
    proportional = spec.warmup is not None and spec.warmup.proportion is not None
    if spec.horizon is None or proportional or has_horizon(spec.schedule):
        return None
    if isinstance(_last(spec.schedule), Polynomial):  # with cycle: as long as the horizon
        return None
    return f"horizon {spec.horizon}, and no rate of {spec.schedule.name} depends on it"


def _last(schedule: Schedule) -> Schedule:
    """What a sequence ends with."""
    return schedule.phases[-1].schedule if isinstance(schedule, Sequential) else schedule


def _half_waves(plan: Plan) -> float | None:
    """Of the cosine that the run ends with."""
    match _last(plan.spec.schedule):
        case Cosine(half_waves=half_waves) | CosineWithMinLr(half_waves=half_waves):
            return half_waves
        case WarmupStableDecay(half_waves=half_waves):
            return half_waves
    return None


def _comes_back(plan: Plan) -> str | None:
    half_waves = _half_waves(plan)
    if half_waves is None or half_waves % 2:
        return None
    last = plan.lr_at(plan.total_updates - 1)
    return f"half_waves {half_waves:g}: the last update has rate {last:.3g}"


def _wave_is_cut(plan: Plan) -> str | None:
    half_waves = _half_waves(plan)
    if half_waves is None or half_waves % 1 == 0:
        return None
    return f"half_waves {half_waves:g}: the last half-wave is cut short"


def _last_descent_is_cut(plan: Plan) -> str | None:
    schedule = plan.spec.schedule
    if not isinstance(schedule, CosineWithRestarts) or schedule.cycles % 1 == 0:
        return None
    before = plan.lr_at(max(0, min(plan.horizon, plan.total_updates) - 1))
    return f"cycles {schedule.cycles:g}: the rate before the horizon is {before:.3g}"


def _last_cycle_is_cut(plan: Plan) -> str | None:
    if not isinstance(plan.spec.schedule, CosineAnnealingWarmRestarts):
        return None
    if plan.total_updates <= plan.warmup_updates:
        return None
    end = next(t for t, _ in _turns(plan) if t >= plan.total_updates)
    if end == _end(plan):
        return None
    last = plan.lr_at(plan.total_updates - 1)
    return (
        f"the last cycle would end at t = {end}, and T = {plan.total_updates}: {last:.3g} is left"
    )


def _turns(plan: Plan) -> Iterator[tuple[int, str]]:
    """The schedule's turns in updates, past the run's end too."""
    curve = plan.curve
    inside, horizon = curve.warmup - curve.origin, curve.horizon - curve.origin
    for at, what in turns(plan.spec.schedule, warmup=inside, horizon=horizon):
        yield (at + curve.origin) * curve.updates_per_count, what


def _product(plan: Plan) -> tuple[float, int, str] | None:
    """proportion, horizon, and what the three roundings make of their product, if not the same."""
    warmup, curve = plan.spec.warmup, plan.curve
    if warmup is None or warmup.proportion is None:
        return None
    length = curve.horizon - curve.origin
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


def _product_only_binary(plan: Plan) -> str | None:
    found = _product(plan)
    return found[2] if found is not None and _is_whole(*found[:2]) else None


def _product_is_no_whole_number(plan: Plan) -> str | None:
    found = _product(plan)
    return found[2] if found is not None and not _is_whole(*found[:2]) else None


def _never_reached(plan: Plan) -> str | None:
    schedule, total = plan.spec.schedule, plan.total_updates
    if not isinstance(
        schedule, Step | MultiStep | Piecewise | Sequential | Cyclic | Noam | WarmupStableDecay
    ):
        return None
    for t, what in _turns(plan):
        # A decay that ends with the run is complete.
        if t > _end(plan) if what == "at min_lr" else t >= total:
            return f"{what!r} would begin at t = {t}, and T = {total}"
        if isinstance(schedule, Step | Cyclic):
            return None  # the first one counts; they have no last
    return None


def _does_not_add_up(plan: Plan) -> str | None:
    schedule, curve = plan.spec.schedule, plan.curve
    if not isinstance(schedule, WarmupStableDecay) or schedule.stable is None:
        return None
    end = (curve.warmup + schedule.stable + schedule.decay) * curve.updates_per_count
    if end >= plan.total_updates:
        return None
    return f"warmup, stable and decay end at t = {end}, and T = {plan.total_updates}"


def _ends_above_zero(plan: Plan) -> str | None:
    for name in ("min_lr", "end_lr"):
        if rate := getattr(plan.spec.schedule, name, None):
            return f"{name} {rate:.3g}"
    return None


def _waits_for_a_metric(plan: Plan) -> str | None:
    if not isinstance(plan.spec.schedule, ReduceOnPlateau):
        return None
    return "no plan knows its rates"


def _momentum_stays(plan: Plan) -> str | None:
    schedule = plan.spec.schedule
    if not isinstance(schedule, OneCycle | Cyclic) or schedule.momentum is not None:
        return None
    return f"{schedule.name} moves the rate alone"


RATE_RULES = (
    Rule(
        name="warmup-is-long",
        level="warning",
        where="warmup",
        reason="most of the run happens below the base rate; a proportion of 1.0 instead of one "
        "update is a known slip",
        finds=_warmup_is_long,
    ),
    Rule(
        name="first-updates-are-idle",
        level="warning",
        where="warmup",
        reason="they move no weight, only the optimizer's moments; with per: epoch the rate is 0 "
        "for the whole first epoch",
        finds=_first_updates_are_idle,
    ),
    Rule(
        name="rate-jumps-after-warmup",
        level="warning",
        where="warmup.counted",
        reason="counted inside, the schedule counts from t = 0, and where it is at the end of "
        "warmup the rate jumps to; before, it begins there, as in Paddle's LinearWarmup",
        finds=_jumps_after_warmup,
    ),
    Rule(
        name="last-updates-are-idle",
        level="warning",
        where="duration",
        reason="they cost time and move no weight",
        finds=_last_updates_are_idle,
    ),
    Rule(
        name="schedule-never-ends",
        level="warning",
        where="horizon",
        reason="the rate never gets to where the schedule goes; with warmup counted before, the "
        "schedule is as long as the run and begins W later (PaddleOCR's recipes do this)",
        finds=_never_ends,
    ),
    Rule(
        name="horizon-has-no-effect",
        level="warning",
        where="horizon",
        reason="only schedules that end there, a polynomial with cycle and a warmup in proportion "
        "look at it",
        finds=_horizon_is_unused,
    ),
    Rule(
        name="rate-comes-back",
        level="warning",
        where="schedule.half_waves",
        reason="an even number of half-waves ends at the peak: paddlenlp's CosineDecayWithWarmup "
        "does so by default, Hugging Face's cosine has one half-wave",
        finds=_comes_back,
    ),
    Rule(
        name="wave-is-cut",
        level="warning",
        where="schedule.half_waves",
        reason="the rate ends between the peak and the lowest rate",
        finds=_wave_is_cut,
    ),
    Rule(
        name="last-descent-is-cut",
        level="warning",
        where="schedule.cycles",
        reason="the rate jumps to 0 from there; 0.5 is paddlenlp's default",
        finds=_last_descent_is_cut,
    ),
    Rule(
        name="last-cycle-is-cut",
        level="warning",
        where="schedule.first",
        reason="the rate is high again after the last restart, and the run ends there",
        finds=_last_cycle_is_cut,
    ),
    Rule(
        name="proportion-only-binary",
        level="warning",
        where="warmup.proportion",
        reason="the product is whole in decimals and not in binary, so libraries that round up "
        "and down differ by an update; give warmup.steps",
        finds=_product_only_binary,
    ),
    Rule(
        name="never-reached",
        level="warning",
        where="schedule",
        reason="the run is over before",
        finds=_never_reached,
    ),
    Rule(
        name="does-not-add-up",
        level="warning",
        where="schedule.stable",
        reason="the rest of the run is spent at min_lr; leave stable out to fill the horizon",
        finds=_does_not_add_up,
    ),
    Rule(
        name="first-update-is-idle",
        level="note",
        where="warmup.start",
        reason="it moves no weight, only the optimizer's moments; paddlenlp and transformers do "
        "the same, torchtitan starts at 1 / (W + 1)",
        finds=_first_update_is_idle,
    ),
    Rule(
        name="proportion-is-rounded",
        level="note",
        where="warmup.rounding",
        reason="paddlenlp rounds down, the Trainers of Hugging Face up, PaddleOCR to the nearest",
        finds=_product_is_no_whole_number,
    ),
    Rule(
        name="stays-at-its-end",
        level="note",
        where="horizon",
        reason="the schedule ends before the run",
        finds=_stays_at_its_end,
    ),
    Rule(
        name="ends-above-zero",
        level="note",
        where="schedule",
        reason="libraries have such rates by default, 1e-7 in the Trainers' polynomial and 1e-4 in "
        "Paddle's; here it is what the spec says",
        finds=_ends_above_zero,
    ),
    Rule(
        name="momentum-stays",
        level="note",
        where="schedule.momentum",
        reason="torch's class cycles the momentum too unless told not to, Paddle's never does",
        finds=_momentum_stays,
    ),
    Rule(
        name="waits-for-a-metric",
        level="note",
        where="schedule",
        reason="the rate depends on the readings that it is given",
        finds=_waits_for_a_metric,
    ),
)
"""In the order in which they are told."""

"""What may not be meant about the schedule and where it ends."""

from __future__ import annotations

from dualtrain.explain._concern import AdviceRules
from dualtrain.explain._warmup_rules import moving
from dualtrain.native.schedules import default_of
from dualtrain.plan import Plan

__all__ = ["RATE_RULES"]

RATE_RULES = AdviceRules()
"""In the order in which they are told."""


def _default(name: str, schedule: str, field: str) -> str:
    """A native default, as one writes it."""
    value = default_of(name, schedule, field)
    return f"{value:g}" if value > 1e-3 else f"{value:.0e}".replace("e-0", "e-")


def _end(plan: Plan) -> int:
    """T, or the end of the epoch in which the run ends if the schedule counts epochs."""
    unit = plan.curve.updates_per_count
    return -(-plan.total_updates // unit) * unit


@RATE_RULES.warning(
    "shift",
    "a schedule that begins at its begin and is stepped after each update is not shifted; "
    "last_epoch=0, or a step before the optimizer's, puts it one update ahead",
)
def _clock_is_shifted(plan: Plan) -> str | None:
    shift = plan.curve.shift
    if not shift:
        return None
    rate = f"{plan.lr_at(0):.3g}"
    if shift > 0:
        return f"the first update has the rate of t = {shift}, {rate}"
    return f"updates 0 to {-shift} have the first rate, {rate}"


@RATE_RULES.warning("duration", "they cost time and move no weight")
def _last_updates_are_idle(plan: Plan) -> str | None:
    found = moving(plan)
    last = plan.total_updates - 1
    if not found or found[-1] == last:
        return None
    first = found[-1] + 1
    idle = f"update {last} has" if first == last else f"updates {first} to {last} have"
    return f"{idle} rate 0"


@RATE_RULES.warning(
    "horizon",
    "the rate never gets to where the schedule goes; with warmup counted before, the "
    "schedule is as long as the run and begins W later (PaddleOCR's recipes do this)",
)
def _schedule_never_ends(plan: Plan) -> str | None:
    if plan.horizon <= _end(plan) or not plan.spec.schedule.ends:
        return None
    last, end = plan.lr_at(plan.total_updates - 1), plan.lr_at(plan.horizon)
    return (
        f"the schedule ends at t = {plan.horizon}, the run before t = {plan.total_updates}: its "
        f"last rate is {last:.3g}, the schedule's {end:.3g}"
    )


@RATE_RULES.warning(
    "horizon",
    "only schedules that end there, a polynomial with cycle and a warmup in proportion look at it",
)
def _horizon_has_no_effect(plan: Plan) -> str | None:
    spec = plan.spec
    proportional = spec.warmup is not None and spec.warmup.proportion is not None
    if spec.horizon is None or proportional or spec.schedule.reads_horizon:
        return None
    return f"horizon {spec.horizon}, and no rate of {spec.schedule.name} depends on it"


@RATE_RULES.warning(
    "schedule.half_waves",
    "an even number of half-waves ends at the peak: paddlenlp's CosineDecayWithWarmup "
    f"has {_default('CosineDecayWithWarmup', 'cosine', 'half_waves')} by default, Hugging "
    f"Face's cosine {_default('get_cosine_schedule_with_warmup', 'cosine', 'half_waves')}",
)
def _rate_comes_back(plan: Plan) -> str | None:
    half_waves = plan.spec.schedule.waves
    if half_waves is None or half_waves % 2:
        return None
    last = plan.lr_at(plan.total_updates - 1)
    return f"half_waves {half_waves:g}: the last update has rate {last:.3g}"


@RATE_RULES.warning("schedule.half_waves", "the rate ends between the peak and the lowest rate")
def _wave_is_cut(plan: Plan) -> str | None:
    half_waves = plan.spec.schedule.waves
    if half_waves is None or half_waves % 1 == 0:
        return None
    return f"half_waves {half_waves:g}: the last half-wave is cut short"


@RATE_RULES.warning(
    "schedule.cycles",
    "the rate jumps to 0 from there; "
    f"{_default('CosineDecayWithWarmup', 'cosine_with_restarts', 'cycles')} is paddlenlp's "
    "default",
)
def _last_descent_is_cut(plan: Plan) -> str | None:
    cycles = plan.spec.schedule.descents
    if cycles is None or cycles % 1 == 0:
        return None
    before = plan.lr_at(max(0, min(plan.horizon, plan.total_updates) - 1))
    return f"cycles {cycles:g}: the rate before the horizon is {before:.3g}"


@RATE_RULES.warning(
    "schedule.first", "the rate is high again after the last restart, and the run ends there"
)
def _last_cycle_is_cut(plan: Plan) -> str | None:
    if not plan.spec.schedule.restarts or plan.total_updates <= plan.warmup_updates:
        return None
    end = next(turn.at for turn in plan.curve.turns() if turn.at >= plan.total_updates)
    if end == _end(plan):
        return None
    last = plan.lr_at(plan.total_updates - 1)
    return (
        f"the last cycle would end at t = {end}, and T = {plan.total_updates}: {last:.3g} is left"
    )


@RATE_RULES.warning("schedule", "the run is over before")
def _never_reached(plan: Plan) -> str | None:
    awaited, total = plan.spec.schedule.awaited, plan.total_updates
    if awaited == "no":
        return None
    for t, what, final in plan.curve.turns():
        if t > _end(plan) if final else t >= total:
            return f"{what!r} would begin at t = {t}, and T = {total}"
        if awaited == "first":
            return None
    return None


@RATE_RULES.warning(
    "schedule.stable",
    "the rest of the run is spent at min_lr; leave stable out to fill the horizon",
)
def _does_not_add_up(plan: Plan) -> str | None:
    for t, _, final in plan.curve.turns():
        if t >= plan.total_updates:
            return None
        if final:
            return f"warmup, stable and decay end at t = {t}, and T = {plan.total_updates}"
    return None


@RATE_RULES.note("horizon", "the schedule ends before the run")
def _stays_at_its_end(plan: Plan) -> str | None:
    rest = plan.total_updates - plan.horizon
    if rest <= 0 or not plan.spec.schedule.ends or not plan.lr_at(plan.horizon):
        return None
    rate = plan.lr_at(plan.horizon)
    return f"the rate stays at {rate:.3g} for the last {rest} updates"


@RATE_RULES.note(
    "schedule",
    "libraries have such rates by default, "
    f"{_default('get_polynomial_decay_schedule_with_warmup', 'polynomial', 'end_lr')} in the "
    f"Trainers' polynomial and {_default('PolynomialDecay', 'polynomial', 'end_lr')} in "
    "Paddle's; here it is what the spec says",
)
def _ends_above_zero(plan: Plan) -> str | None:
    schedule = plan.spec.schedule
    for name in schedule.below[-1:]:
        if rate := getattr(schedule, name):
            return f"{name} {rate:.3g}"
    return None


@RATE_RULES.note(
    "schedule.momentum",
    "torch's class cycles the momentum too unless told not to, Paddle's never does",
)
def _momentum_stays(plan: Plan) -> str | None:
    schedule = plan.spec.schedule
    if not schedule.with_momentum or schedule.cycled is not None:
        return None
    return f"{schedule.name} moves the rate alone"


@RATE_RULES.note("schedule", "the rate depends on the readings that it is given")
def _waits_for_a_metric(plan: Plan) -> str | None:
    return "no plan knows its rates" if plan.spec.schedule.needs_metric else None

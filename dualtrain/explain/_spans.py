"""Where each phase of the rate begins and ends, and at which rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, count, islice

from dualtrain.plan import Plan
from dualtrain.spec import (
    CosineAnnealingWarmRestarts,
    CosineWithRestarts,
    Cyclic,
    MultiStep,
    Noam,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Sequential,
    Step,
    WarmupStableDecay,
)

__all__ = ["MOST_SPANS", "Span", "has_horizon", "spans", "turns"]

MOST_SPANS = 12
"""As many phases are told; of a schedule with more, the first ones."""

Turn = tuple[int, str]
"""A count from which on the schedule does something else, and what."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A phase of the rate: updates begin <= t < end."""

    what: str
    begin: int
    end: int
    first_lr: float
    """lr_at(begin)."""
    last_lr: float
    """lr_at(end - 1)."""


def spans(plan: Plan) -> tuple[Span, ...]:
    """The phases that the run has, in order; at most `MOST_SPANS`.

    None of a rate that follows a metric: no plan knows it before.

    >>> [(s.what, s.begin, s.end) for s in spans(plan)]  # linear, W = 2, H = 4, T = 6
    [('warmup', 0, 2), ('linear', 2, 4), ('past the horizon', 4, 6)]
    """
    if isinstance(plan.spec.schedule, ReduceOnPlateau):
        return ()
    total = plan.total_updates
    turning = [turn for turn in islice(_all_turns(plan), MOST_SPANS + 1) if turn[0] < total]
    ends = [begin for begin, _ in turning[1:]] + [total]
    return tuple(
        Span(
            what=what,
            begin=begin,
            end=end,
            first_lr=plan.lr_at(begin),
            last_lr=plan.lr_at(end - 1),
        )
        for (begin, what), end in zip(turning[:MOST_SPANS], ends, strict=False)
        if begin < end
    )


def has_horizon(schedule: Schedule) -> bool:
    """Whether the schedule ends at the horizon; else it ends before, stays or counts on.

    >>> has_horizon(Linear(name="linear")), has_horizon(Constant(name="constant"))
    (True, False)
    """
    if isinstance(schedule, Sequential):
        schedule = schedule.phases[-1].schedule
    if isinstance(schedule, Polynomial):
        return not schedule.cycle
    if isinstance(schedule, WarmupStableDecay):
        return schedule.stable is None
    return schedule.name in (
        "linear",
        "cosine",
        "cosine_with_restarts",
        "cosine_with_min_lr",
        "linear_annealing",
        "cosine_annealing",
        "one_cycle",
    )


def turns(schedule: Schedule, *, warmup: int, horizon: int) -> Iterator[Turn]:
    """Where the schedule turns after its begin, in its own counts, ascending; it may never stop.

    warmup, horizon: where its decay begins and ends, in the same counts.
    """
    span = horizon - warmup
    match schedule:
        case Step(every=every):
            yield from ((k * every, f"step {k}") for k in count(1))
        case MultiStep(milestones=milestones):
            yield from ((at, f"past milestone {at}") for at in milestones)
        case Piecewise(boundaries=boundaries):
            yield from ((at, f"past boundary {at}") for at in boundaries)
        case CosineWithRestarts(cycles=cycles):
            later = range(1, math.ceil(cycles))
            yield from ((warmup + math.ceil(k * span / cycles), f"restart {k}") for k in later)
        case Polynomial(cycle=True):
            yield from ((warmup + k * span + 1, f"lengthened {k} times") for k in count(1))
        case WarmupStableDecay(stable=stable, decay=decay):
            begin = horizon - decay if stable is None else warmup + stable
            yield begin, "decay"
            if stable is not None:
                yield begin + decay, "at min_lr"
        case OneCycle(rise=rise, three_phase=three_phase):
            yield math.ceil(rise * horizon - 1), "fall"
            if three_phase:
                yield math.ceil(2 * rise * horizon - 2), "last fall"
        case Cyclic(up=up, down=down):
            for k in count():
                yield k * (up + down) + up, f"down {k + 1}"
                yield (k + 1) * (up + down), f"up {k + 2}"
        case CosineAnnealingWarmRestarts(first=first, multiplier=multiplier):
            lengths = (first * multiplier**k for k in count())
            yield from ((at, f"restart {k}") for k, at in enumerate(accumulate(lengths), 1))
        case Noam(warmup_steps=steps):
            yield steps, "fall"
        case Sequential(phases=phases):
            begins = accumulate(phase.updates or 0 for phase in phases[:-1])
            later_phases = zip(begins, phases[1:], strict=True)
            yield from ((at, phase.schedule.name) for at, phase in later_phases)


def _all_turns(plan: Plan) -> Iterator[Turn]:
    """From t = 0 on, in updates: warmup, the schedule, its turns, and what follows the horizon."""
    schedule, curve = plan.spec.schedule, plan.curve
    if plan.warmup_updates:
        yield 0, "warmup"
    begin, what = plan.warmup_updates, _first(schedule)
    inside, horizon = curve.warmup - curve.origin, curve.horizon - curve.origin
    last = plan.horizon if has_horizon(schedule) else math.inf
    for at, later in turns(schedule, warmup=inside, horizon=horizon):
        t = (at + curve.origin) * curve.updates_per_count
        if t >= min(last, plan.total_updates):
            break
        if t > plan.warmup_updates:
            yield begin, what
        begin, what = max(begin, t), later  # what turns during warmup is not seen till its end
    yield begin, what
    if has_horizon(schedule):
        yield plan.horizon, "past the horizon"


def _first(schedule: Schedule) -> str:
    """What the schedule does from t = W on."""
    match schedule:
        case WarmupStableDecay():
            return "stable"
        case OneCycle() | Noam():
            return "rise"
        case Cyclic():
            return "up 1"
        case Sequential(phases=phases):
            return phases[0].schedule.name
        case _:
            return schedule.name

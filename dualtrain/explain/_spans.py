"""Where each phase of the rate begins and ends, and at which rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from dualtrain.plan import Plan

__all__ = ["MOST_SPANS", "Span", "spans"]

MOST_SPANS = 12
"""As many phases are told; of a schedule with more, the first ones."""


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
    if plan.spec.schedule.needs_metric:
        return ()
    total = plan.total_updates
    turning = [turn for turn in islice(_all_turns(plan), MOST_SPANS + 1) if turn[0] < total]
    ends = [begin for begin, _ in turning[1:]] + [total]
    return tuple(
        Span(
            what=what, begin=begin, end=end, first_lr=plan.lr_at(begin), last_lr=plan.lr_at(end - 1)
        )
        for (begin, what), end in zip(turning[:MOST_SPANS], ends, strict=False)
        if begin < end
    )


def _all_turns(plan: Plan) -> Iterator[tuple[int, str]]:
    """From t = 0 on, in updates: warmup, the schedule, its turns, and what follows the horizon."""
    schedule = plan.spec.schedule
    start, end = plan.curve.begin, plan.curve.end
    if start:
        yield 0, "warmup"
    begin, what = start, schedule.begins_as
    last = end if schedule.ends else math.inf
    for turn in plan.curve.turns():
        if turn.at >= min(last, plan.total_updates):
            break
        if turn.at > start:
            yield begin, what
        # what turns during warmup is not seen till its end
        begin, what = max(begin, turn.at), turn.what
    yield begin, what
    if schedule.ends:
        yield end, "past the horizon"

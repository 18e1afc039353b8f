"""Whether a schedule fits into the counts that a run leaves it."""

from __future__ import annotations

from dualtrain.errors import PlanError
from dualtrain.plan._sequence import stretches
from dualtrain.spec import InverseSqrt, OneCycle, Schedule, Sequential, WarmupStableDecay

__all__ = ["check_fit"]


def check_fit(schedule: Schedule, *, warmup: int, horizon: int, before: bool, per: str) -> None:
    """Refuse what has no room: W warmup counts inside the horizon H, or before it.

    per: what is counted, for the message.

    Raises `PlanError`.
    """
    inside = 0 if before else warmup
    match schedule:
        case InverseSqrt(timescale=None) if warmup == 0:
            raise PlanError(
                f"schedule.timescale is needed when the schedule has no warmup {per}s. "
                "Received: neither"
            )
        case WarmupStableDecay(stable=stable, decay=decay):
            if inside + (stable or 0) + decay > horizon:
                raise PlanError(
                    "warmup, stable and decay must fit into the horizon. Received: "
                    f"{inside} + {stable or 0} + {decay}, horizon {horizon}"
                )
        case OneCycle(rise=rise):
            if rise * horizon <= 1.0:
                raise PlanError(
                    f"the rise of one_cycle must be longer than one {per}: rise x horizon > 1. "
                    f"Received: rise {rise}, horizon {horizon}"
                )
        case Sequential():
            _check_phases(schedule, inside, horizon, per)


def _check_phases(schedule: Sequential, warmup: int, horizon: int, per: str) -> None:
    for index, part in enumerate(stretches(schedule, warmup=warmup, horizon=horizon)):
        if part.length < 1:
            raise PlanError(
                "the phases of a sequence must leave room for the last. "
                f"Received: {part.begin} {per}s before it, horizon {horizon}"
            )
        if part.warmup >= part.length:
            raise PlanError(
                "warmup must be shorter than the first phase. "
                f"Received: {part.warmup} warmup {per}s, {part.length} in the phase"
            )
        try:
            check_fit(part.schedule, warmup=part.warmup, horizon=part.length, before=False, per=per)
        except PlanError as error:
            raise PlanError(f"phases[{index}]: {error}") from None

"""A warmup that was asked for and is not there."""

from __future__ import annotations

from dualtrain.plan._plan import Plan

__all__ = ["warmup_note"]


def warmup_note(plan: Plan) -> str | None:
    """A sentence for a proportion above 0 that is rounded to no warmup at all; None for others.

    proportion 0.1 of 9 updates, rounded down: a note; of 10 updates: None. Hugging Face's trainer
    rounds up, and warms up for one.
    """
    warmup = plan.spec.warmup
    if warmup is None or not warmup.proportion or plan.warmup_updates:
        return None
    length = plan.curve.horizon - plan.curve.origin
    counted = f"{length} {plan.spec.schedule.per}{'' if length == 1 else 's'}"
    return (
        f"there will be no warmup: {warmup.proportion:g} x {counted} is "
        f"{warmup.proportion * length:.4g}, which is rounded to 0; rounding: ceil makes it 1"
    )

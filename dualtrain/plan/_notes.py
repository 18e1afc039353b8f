"""What a plan will not do though its spec says so: a decay too small for float32, a warmup of 0."""

from __future__ import annotations

from dualtrain.plan._plan import Plan

__all__ = ["decay_note", "warmup_note"]

NOTHING = 2.0**-25
"""Half the distance from 1 to the float32 below it: 1 minus no more than this is 1."""
INEXACT = 1e-6
"""Below this, rounding changes the decay by per cents."""


def decay_note(plan: Plan) -> str | None:
    """A sentence for a plan whose decoupled weight decay float32 cannot apply; None for others.

    AdamW multiplies a weight by 1 - lr wd at each update. Up to lr wd = 2^-25 = 3e-8 that is 1 in
    float32, and no weight decays; below 1e-6 the decay is another than asked, and not the same
    in torch, which rounds the factor, as in Paddle, which rounds each weight: docs/optimizers.md
    has the sizes. Judged at the highest rate of the run. LAMB's decay and coupled decay become
    part of the update, and are not rounded away.

    lr 1e-6 and weight decay 0.01: a note; lr 1e-3 and 0.01: None.
    """
    decay = plan.spec.weight_decay
    if decay is None or not plan.spec.rule.shrinks:
        return None
    falls = plan.spec.schedule.needs_metric  # from the base rate, unknown when
    highest = plan.spec.optimizer.lr if falls else float(plan.lr_curve().max())
    product = highest * max(decay.value, *(rule.value for rule in decay.values), 0.0)
    if product == 0 or product >= INEXACT:
        return None
    told = f"lr x weight_decay.value is at most {product:.2g}"
    if product <= NOTHING:
        return f"no weight will decay: {told}, and in float32 1 - {product:.2g} is 1"
    return (
        f"weight decay will be inexact: {told}; below {INEXACT:g} float32 distorts it, in torch "
        "and Paddle differently"
    )


def warmup_note(plan: Plan) -> str | None:
    """A sentence for a proportion above 0 that is rounded to no warmup at all; None for others.

    proportion 0.1 of 9 updates, rounded down: a note; of 10 updates: None. Hugging Face's trainer
    rounds up, and warms up for one.
    """
    warmup = plan.spec.warmup
    if warmup is None or not warmup.proportion or plan.warmup_updates:
        return None
    length = plan.curve.horizon
    counted = f"{length} {plan.spec.schedule.per}{'' if length == 1 else 's'}"
    return (
        f"there will be no warmup: {warmup.proportion:g} x {counted} is "
        f"{warmup.proportion * length:.4g}, which is rounded to 0; rounding: ceil makes it 1"
    )

"""What may not be meant about weight decay, multipliers and frozen parameters."""

from __future__ import annotations

from dualtrain.explain._concern import AdviceRule
from dualtrain.plan import Plan, decay_note

__all__ = ["PARAMETER_RULES"]


def _decays(plan: Plan) -> bool:
    return plan.spec.weight_decay is not None and plan.spec.weight_decay.value > 0


def _excludes(plan: Plan) -> bool:
    decay = plan.spec.weight_decay
    return decay is not None and bool(
        decay.exclude
        or decay.exclude_patterns
        or decay.exclude_substrings
        or decay.exclude_below_ndim
    )


def _everything_decays(plan: Plan) -> str | None:
    if not _decays(plan) or _excludes(plan):
        return None
    return "no parameter is excluded: biases and the scales of norms decay too"


def _by_substring(plan: Plan) -> str | None:
    decay = plan.spec.weight_decay
    if decay is None or not decay.exclude_substrings:
        return None
    return f"exclude_substrings {list(decay.exclude_substrings)}"


def _decays_nothing(plan: Plan) -> str | None:
    decay = plan.spec.weight_decay
    return "value 0" if decay is not None and not decay.value else None


def _coupled_adam(plan: Plan) -> str | None:
    optimizer = plan.spec.optimizer
    return f"{optimizer.name} with coupled decay" if optimizer.like_adam and _decays(plan) else None


def _lamb_is_adam(plan: Plan) -> str | None:
    optimizer = plan.spec.optimizer
    if not optimizer.trust_ratio or _decays(plan):
        return None
    return f"{optimizer.name} without weight decay: every trust ratio is 1"


def _lamb_spares_some(plan: Plan) -> str | None:
    optimizer = plan.spec.optimizer
    if not optimizer.trust_ratio or not _decays(plan) or not _excludes(plan):
        return None
    return f"{optimizer.name}: a parameter that is excluded from decay has the trust ratio 1"


def _floor_is_multiplied(plan: Plan) -> str | None:
    spec = plan.spec
    name, rate = next(((n, r) for n, r in spec.schedule.floors() if r), ("", 0.0))
    if not rate:
        return None
    for part in spec.lr_multipliers:
        if part.multiplier != 1.0:
            return f"{name} {rate:.3g} is {rate * part.multiplier:.3g} for {part.pattern}"
    if spec.layer_decay is not None and spec.layer_decay.rate != 1.0:
        return f"{name} {rate:.3g} is {rate * spec.layer_decay.rate:.3g} one layer below the head"
    return None


def _statistics_move(plan: Plan) -> str | None:
    spec = plan.spec
    if spec.freeze is None or spec.freeze.batch_stats == "keep":
        return None
    return (
        None if spec.task is not None else "batch_stats: train"
    )  # a task's models have no BatchNorm


PARAMETER_RULES = (
    AdviceRule(
        name="decay-is-too-small",
        level="warning",
        where="weight_decay.value",
        reason="AdamW multiplies a weight by 1 - lr x value: at 5e-7 torch decays 5 % too little "
        "and Paddle 0.2 %, below 3e-8 neither decays at all",
        finds=decay_note,
    ),
    AdviceRule(
        name="everything-decays",
        level="warning",
        where="weight_decay.exclude",
        reason="recipes of both libraries leave them out; it never shows in a loss curve and moves "
        "the weights a hundred times more than rounding does",
        finds=_everything_decays,
    ),
    AdviceRule(
        name="excluded-by-substring",
        level="warning",
        where="weight_decay.exclude_substrings",
        reason="it looks at each framework's own names: 'norm' finds PaddleNLP's norm1 and misses "
        "Hugging Face's LayerNorm; roles find both",
        finds=_by_substring,
    ),
    AdviceRule(
        name="lamb-is-adam",
        level="warning",
        where="weight_decay",
        reason="the trust ratio is what LAMB adds to Adam, and a parameter without decay has none "
        "(Paddle's rule; other LAMBs scale all)",
        finds=_lamb_is_adam,
    ),
    AdviceRule(
        name="lamb-spares-some",
        level="note",
        where="weight_decay.exclude",
        reason="that is Paddle's rule; with the ratio for all, as other LAMBs have it, an update "
        "is another by a third",
        finds=_lamb_spares_some,
    ),
    AdviceRule(
        name="coupled-decay-in-adam",
        level="note",
        where="optimizer.name",
        reason="it is added to the gradient and divided by its size; AdamW's is not",
        finds=_coupled_adam,
    ),
    AdviceRule(
        name="decays-nothing",
        level="note",
        where="weight_decay.value",
        reason="its exclusions are checked against the model all the same",
        finds=_decays_nothing,
    ),
    AdviceRule(
        name="floor-is-multiplied",
        level="note",
        where="schedule",
        reason="a multiplier multiplies the whole rate, as in Paddle and in transformers' "
        "schedules; in torch's CosineAnnealingLR, CosineAnnealingWarmRestarts and "
        "ReduceLROnPlateau every group ends at the same lowest rate",
        finds=_floor_is_multiplied,
    ),
    AdviceRule(
        name="statistics-move",
        level="note",
        where="freeze.batch_stats",
        reason="the running mean and variance of a frozen BatchNorm follow the data in both "
        "frameworks; keep holds them",
        finds=_statistics_move,
    ),
)
"""In the order in which they are told."""

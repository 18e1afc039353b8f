"""What may not be meant about weight decay, multipliers and frozen parameters."""

from __future__ import annotations

from dualtrain.explain._concern import AdviceRules
from dualtrain.plan import Plan, decay_note
from dualtrain.spec import WeightDecay

__all__ = ["PARAMETER_RULES"]

PARAMETER_RULES = AdviceRules()
"""In the order in which they are told."""


def _decays(plan: Plan) -> bool:
    decay = plan.spec.weight_decay
    return decay is not None and any(v > 0 for v in (decay.value, *_own(decay)))


def _own(decay: WeightDecay) -> list[float]:
    return [rule.value for rule in decay.values]


def _excludes(plan: Plan) -> bool:
    decay = plan.spec.weight_decay
    return decay is not None and bool(
        decay.exclude
        or decay.exclude_patterns
        or decay.exclude_substrings
        or decay.exclude_regex
        or decay.exclude_below_ndim
        or 0.0 in _own(decay)
    )


@PARAMETER_RULES.warning(
    "weight_decay.value",
    "AdamW multiplies a weight by 1 - lr x value: at 5e-7 torch decays 5 % too little "
    "and Paddle 0.2 %, below 3e-8 neither decays at all",
)
def _decay_is_too_small(plan: Plan) -> str | None:
    return decay_note(plan)


@PARAMETER_RULES.warning(
    "weight_decay.exclude",
    "recipes of both libraries leave them out; it never shows in a loss curve and moves "
    "the weights a hundred times more than rounding does",
)
def _everything_decays(plan: Plan) -> str | None:
    if not _decays(plan) or _excludes(plan):
        return None
    return "no parameter is excluded: biases and the scales of norms decay too"


@PARAMETER_RULES.warning(
    "weight_decay.exclude_substrings",
    "it looks at each framework's own names: 'norm' finds PaddleNLP's norm1 and misses "
    "Hugging Face's LayerNorm; roles find both",
)
def _excluded_by_substring(plan: Plan) -> str | None:
    decay = plan.spec.weight_decay
    if decay is None or not decay.exclude_substrings:
        return None
    return f"exclude_substrings {list(decay.exclude_substrings)}"


@PARAMETER_RULES.warning(
    "weight_decay",
    "the trust ratio is what LAMB adds to Adam and LARS to momentum, and a parameter without decay "
    "has none (Paddle's rule; others scale all)",
)
def _no_trust_ratio(plan: Plan) -> str | None:
    optimizer = plan.spec.optimizer
    if not optimizer.trust_ratio or _decays(plan):
        return None
    return f"{optimizer.name} without weight decay: every trust ratio is 1"


@PARAMETER_RULES.note(
    "weight_decay.exclude",
    "that is Paddle's rule; with the ratio for all, as others have it, an update of LAMB's is "
    "another by a third, and one of LARS a thousandth at its usual coefficient",
)
def _trust_ratio_of_some(plan: Plan) -> str | None:
    optimizer = plan.spec.optimizer
    if not optimizer.trust_ratio or not _decays(plan) or not _excludes(plan):
        return None
    return f"{optimizer.name}: a parameter that is excluded from decay has the trust ratio 1"


@PARAMETER_RULES.note(
    "optimizer.name",
    "both frameworks' own AdamW, `adamw`, adds eps after bias correction, by which it counts 32 "
    "times less in the first update, and decays before the step",
)
def _adamw_is_the_old_one(plan: Plan) -> str | None:
    name, is_old = plan.spec.optimizer.name, plan.spec.optimizer.decays_after
    return f"{name}: eps stands before bias correction" if is_old else None


@PARAMETER_RULES.note(
    "optimizer.name", "it is added to the gradient and divided by its size; AdamW's is not"
)
def _coupled_decay_in_adam(plan: Plan) -> str | None:
    rule = plan.spec.rule
    coupled = rule.like_adam and not rule.decoupled
    return f"{rule.name} with coupled decay" if coupled and _decays(plan) else None


@PARAMETER_RULES.warning(
    "weight_decay.kind",
    "no class of Paddle's does it, and of torch's only NAdam and RAdam if they are told to: what a "
    "recipe calls weight_decay is coupled there, and its value is another one",
)
def _decay_apart(plan: Plan) -> str | None:
    rule = plan.spec.rule
    if not rule.decoupled or "coupled" not in rule.decay_kinds or not _decays(plan):
        return None
    if rule.name == "sgd":
        return "sgd with decoupled decay: the update is that of coupled decay, but for rounding"
    momentum = getattr(rule, "momentum", 0.0)
    text = f"{rule.name} with decoupled decay"
    if rule.name == "momentum":
        text += f": coupled decay of the same value comes to {1 / (1 - momentum):.3g} times as much"
    return text


@PARAMETER_RULES.note(
    "weight_decay.value", "its exclusions are checked against the model all the same"
)
def _decays_nothing(plan: Plan) -> str | None:
    return "value 0" if plan.spec.weight_decay is not None and not _decays(plan) else None


@PARAMETER_RULES.warning(
    "weight_decay.values", "it says what holds without it: leave it out, or write another value"
)
def _value_is_the_usual_one(plan: Plan) -> str | None:
    decay = plan.spec.weight_decay
    if decay is None or decay.value not in _own(decay):
        return None
    rule = next(rule for rule in decay.values if rule.value == decay.value)
    return f"{rule.role or rule.pattern} decays by {rule.value:g}, as all others do"


@PARAMETER_RULES.warning(
    "own_betas", "it says what holds without it: leave it out, or write other betas"
)
def _betas_are_the_usual_ones(plan: Plan) -> str | None:
    usual = getattr(plan.spec.optimizer, "betas", None)
    same = next((part for part in plan.spec.own_betas if part.betas == usual), None)
    if same is None:
        return None
    b1, b2 = same.betas
    return f"{same.pattern} has betas {b1:g} and {b2:g}, as all others have"


@PARAMETER_RULES.note(
    "schedule",
    "a multiplier multiplies the whole rate, as in Paddle and in transformers' "
    "schedules; in torch's CosineAnnealingLR, CosineAnnealingWarmRestarts and "
    "ReduceLROnPlateau every group ends at the same lowest rate",
)
def _floor_is_multiplied(plan: Plan) -> str | None:
    spec = plan.spec
    name, rate = next(((n, r) for n, r in spec.schedule.floors() if r), ("", 0.0))
    if not rate:
        return None
    for part in spec.lr_multipliers:
        times = part.over(spec.optimizer.lr)
        if times != 1.0:
            return f"{name} {rate:.3g} is {rate * times:.3g} for {part.pattern}"
    if spec.layer_decay is not None and spec.layer_decay.rate != 1.0:
        return f"{name} {rate:.3g} is {rate * spec.layer_decay.rate:.3g} one layer below the head"
    return None


@PARAMETER_RULES.note(
    "freeze.batch_stats",
    "the running mean and variance of a frozen BatchNorm follow the data in both "
    "frameworks; keep holds them",
)
def _statistics_move(plan: Plan) -> str | None:
    spec = plan.spec
    if spec.freeze is None or spec.freeze.batch_stats == "keep":
        return None
    if spec.task is not None and not spec.task.has_batch_norm:
        return None
    return "batch_stats: train"

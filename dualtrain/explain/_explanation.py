"""An explanation: what a plan will do, as numbers, phases and concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dualtrain.explain._concern import AdviceRule, Concern, concerns
from dualtrain.explain._parameter_rules import PARAMETER_RULES
from dualtrain.explain._rate_rules import RATE_RULES
from dualtrain.explain._spans import Span, spans
from dualtrain.explain._update_rules import UPDATE_RULES
from dualtrain.explain._warmup_rules import WARMUP_RULES
from dualtrain.plan import Plan

__all__ = ["ADVICE_RULES", "Explanation", "explain", "whole_numbers"]

ADVICE_RULES: tuple[AdviceRule, ...] = (*WARMUP_RULES, *RATE_RULES, *UPDATE_RULES, *PARAMETER_RULES)
"""Every rule; their names are distinct."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a run will do."""

    plan: Plan
    counted: bool
    """Whether the number of micro-batches is known. If not, the duration is in updates, and
    nothing is said of epochs."""
    spans: tuple[Span, ...]
    """The phases of the rate, at most the first `MOST_SPANS`."""
    concerns: tuple[Concern, ...]
    """Warnings, then notes."""


def explain(plan: Plan, *, counted: bool = True) -> Explanation:
    """Explain a plan. Needs no framework and no data.

    >>> [c.rule for c in explain(plan).concerns]  # cosine, half_waves 2, W = 2
    ['rate-comes-back', 'first-update-is-idle']
    """
    return Explanation(
        plan=plan, counted=counted, spans=spans(plan), concerns=concerns(plan, ADVICE_RULES)
    )


def whole_numbers(plan: Plan, *, counted: bool) -> dict[str, Any]:
    """The plan's whole numbers by name; None for those that need M where it is not known."""
    size, count = plan.spec.batch.accumulate, plan.micro_batches_per_epoch
    return {
        "total_updates": plan.total_updates,
        "warmup_updates": plan.warmup_updates,
        "horizon": plan.horizon,
        "micro_batches_per_epoch": count if counted else None,
        "updates_per_epoch": plan.updates_per_epoch if counted else None,
        "accumulate": size,
        "tail": plan.spec.batch.tail,
        "tail_micro_batches": count % size if counted else None,
        "world_size": plan.world_size,
    }

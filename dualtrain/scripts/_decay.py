"""What a script says of weight decay: what is spared, and what decays by a value of its own."""

from __future__ import annotations

from typing import Any

from dualtrain.spec import Spec, WeightDecay

__all__ = ["decay_facts", "decay_of"]


def decay_of(spec: Spec) -> WeightDecay | None:
    """The weight decay, if anything decays."""
    decay = spec.weight_decay
    decays = decay is not None and (decay.value or any(rule.value for rule in decay.values))
    return decay if decays else None


def decay_facts(decay: WeightDecay | None) -> dict[str, Any]:
    """For the templates: the rules, and what is asked of a parameter to apply them."""
    if decay is None:
        return {
            **{"decay": None, "spares": False, "has_values": False, "decayed_roles": set()},
            **{"reads_full_names": False, "reads_names": False},
        }
    by_name = bool(decay.exclude_patterns or decay.exclude_substrings or decay.exclude_regex)
    return {
        "decay": decay,
        "spares": bool(decay.exclude or decay.exclude_below_ndim or by_name),
        "has_values": bool(decay.values),
        "decay_patterns": [rule.pattern for rule in decay.values if rule.pattern is not None],
        "decayed_roles": {*decay.exclude, *(rule.role for rule in decay.values)},
        "reads_full_names": by_name,
        "reads_names": by_name or "bias" in decay.exclude,
    }

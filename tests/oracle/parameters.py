"""What a spec decides for each parameter of the oracle's model: decay, rate, whether it trains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.oracle.model import LAYERS, Architecture, roles, shapes

__all__ = ["Decision", "decide"]

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """Of one parameter."""

    decay: float
    multiplier: float
    trains: bool
    betas: list[float] | None
    """Its own."""


def decide(spec: Values, architecture: Architecture, still: tuple[str, ...]) -> dict[str, Decision]:
    """still: parameters that the model itself holds still."""
    freeze = spec["freeze"]["patterns"] if spec["freeze"] else ()
    found = {}
    for name, shape in shapes(architecture).items():
        found[name] = Decision(
            decay=_decay(spec["weight_decay"], name, len(shape)),
            multiplier=_multiplier(spec, name),
            trains=name not in still and not any(fnmatchcase(name, p) for p in freeze),
            betas=next(
                (own["betas"] for own in spec["own_betas"] if fnmatchcase(name, own["pattern"])),
                None,
            ),
        )
    return found


def _decay(rules: Values | None, name: str, dimensions: int) -> float:
    if rules is None:
        return 0.0
    excluded = bool(
        set(rules["exclude"]) & roles(name)
        or any(fnmatchcase(name, pattern) for pattern in rules["exclude_patterns"])
        or any(part in name for part in rules["exclude_substrings"])
        or any(re.search(pattern, name) for pattern in rules["exclude_regex"])
        or dimensions < (rules["exclude_below_ndim"] or 0)
    )
    if excluded:
        return 0.0
    own = [
        rule["value"]
        for rule in rules["values"]
        if rule["role"] in roles(name) or fnmatchcase(name, rule["pattern"] or "")
    ]
    decay: float = [*own, rules["value"]][0]
    return decay


def _multiplier(spec: Values, name: str) -> float:
    fitting = [m for m in spec["lr_multipliers"] if fnmatchcase(name, m["pattern"])]
    own: float = 1.0
    if fitting:
        own = fitting[0]["multiplier"] or fitting[0]["lr"] / spec["optimizer"]["lr"]
    decay = spec["layer_decay"]
    if decay is None:
        return own
    rate: float = decay["rate"] if isinstance(decay, Mapping) else decay
    return own * rate ** _layers_above(name)


def _layers_above(name: str) -> int:
    """The head has none, the last layer one, the embeddings one more than the first layer."""
    if name.startswith("classifier."):
        return 0
    if name.startswith("embeddings."):
        return LAYERS + 1
    return LAYERS - int(name.split(".")[2])

"""What the fields of several optimizers may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from dualtrain.fields import Positive

__all__ = ["Betas", "Decay", "LearningRate", "NonNegative", "Pair"]


def _two(values: object) -> object:
    if isinstance(values, (list, tuple)) and len(values) != 2:
        raise ValueError("must be two numbers")
    return values


LearningRate = Annotated[
    Positive, Field(description="Base learning rate: what the schedule's factor multiplies.")
]
NonNegative = Annotated[float, Field(ge=0, le=1e300)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[
    tuple[Decay, Decay],
    Field(
        strict=False,
        description="Decay rates b1 and b2 of the first and the second moment, each from 0 to "
        "below 1.",
    ),
    BeforeValidator(_two),
]
Pair = Annotated[tuple[Positive, Positive], Field(strict=False), BeforeValidator(_two)]

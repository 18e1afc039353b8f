"""How a trained model does on the held-out split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Score"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a task finds over the whole held-out split, in float64.

    >>> print(Score(examples=4, loss=0.25, correct=3))
    3 of 4 correct, loss 0.2500
    """

    examples: int
    """Samples of the split."""
    loss: float
    """Their mean loss."""
    correct: int | None = None
    """How many were classified right; None where nothing is classified."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What else the task measures, by name."""

    def __str__(self) -> str:
        counted = f"{self.examples} examples"
        if self.correct is not None:
            counted = f"{self.correct} of {self.examples} correct"
        rest = [f"{name} {value:.4f}" for name, value in self.metrics.items()]
        return ", ".join([counted, f"loss {self.loss:.4f}", *rest])

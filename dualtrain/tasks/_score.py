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

    examples: int | None = None
    """Samples of the split; None where nobody has counted them."""
    loss: float | None = None
    """Their mean loss; None where nobody has taken it."""
    correct: int | None = None
    """How many were classified right; None where nothing is classified."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What else the task measures, by name."""

    def measured(self) -> dict[str, float]:
        """Every metric by its name: `loss`, `accuracy` where something is classified, the rest.

        >>> Score(examples=4, loss=0.25, correct=3).measured()
        {'loss': 0.25, 'accuracy': 0.75}
        """
        measured = {} if self.loss is None else {"loss": self.loss}
        if self.correct is not None and self.examples:
            measured["accuracy"] = self.correct / self.examples
        return {**measured, **self.metrics}

    def __str__(self) -> str:
        told = []
        if self.correct is not None:
            told.append(f"{self.correct} of {self.examples} correct")
        elif self.examples is not None:
            told.append(f"{self.examples} examples")
        if self.loss is not None:
            told.append(f"loss {self.loss:.4f}")
        return ", ".join([*told, *(f"{name} {value:.4f}" for name, value in self.metrics.items())])

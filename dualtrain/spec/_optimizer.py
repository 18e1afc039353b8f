"""The optimizers as a spec names them: update rule and base learning rate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dualtrain.spec._base import Part, Positive

__all__ = ["Optimizer"]

Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Part):
    """AdamW, as `torch.optim.AdamW` and `paddle.optimizer.AdamW` both compute it.

    m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, and with k = t + 1 (updates so far):
    w = w (1 - lr wd) - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adamw"]
    """The update rule."""
    lr: Positive
    """Base learning rate: what the schedule's factor multiplies."""
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    """Decay rates of the first and the second moment, each from 0 to below 1."""
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""

    @field_validator("betas", mode="before")
    @classmethod
    def _two(cls, betas: object) -> object:
        if isinstance(betas, (list, tuple)) and len(betas) != 2:
            raise ValueError("must be two numbers")
        return betas

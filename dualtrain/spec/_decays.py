"""Schedules that fall from the end of warmup to the horizon; formulas are in `dualtrain.plan`.

p = (t - W) / (H - W) goes from 0 at the end of warmup to 1 at the horizon; past it the rate stays.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dualtrain.fields import LARGEST_COUNT, Count, Part, Per, Positive, Rate, Shape

__all__ = [
    "Constant",
    "Cosine",
    "CosineAnnealing",
    "CosineWithMinLr",
    "CosineWithRestarts",
    "Linear",
    "LinearAnnealing",
    "Polynomial",
    "WarmupStableDecay",
]


class Constant(Part):
    """The base rate after warmup, to the end."""

    name: Literal["constant"]
    """paddlenlp's `ConstScheduleWithWarmup`, `get_constant_schedule_with_warmup`."""
    per: Per = "update"


class Linear(Part):
    """lr (1 - p): a straight line from the base rate at t = W to 0 at the horizon."""

    name: Literal["linear"]
    """paddlenlp's `LinearDecayWithWarmup`, transformers' `get_linear_schedule_with_warmup`."""
    per: Per = "update"


class Cosine(Part):
    """lr (1 + cos(pi half_waves p)) / 2: `half_waves` says where it is at the horizon."""

    name: Literal["cosine"]
    """paddlenlp's `CosineDecayWithWarmup`, transformers' `get_cosine_schedule_with_warmup`."""
    half_waves: Positive
    """1: one descent to zero (Hugging Face's default, num_cycles 0.5). 2: down and up again
    (paddlenlp's default, num_cycles 1)."""
    per: Per = "update"


class CosineWithRestarts(Part):
    """lr (1 + cos(pi c)) / 2, c the part of cycles x p after the point; 0 from the horizon on.

    A cosine descent to 0 that starts from the base rate `cycles` times.
    """

    name: Literal["cosine_with_restarts"]
    """`get_cosine_with_hard_restarts_schedule_with_warmup`."""
    cycles: Positive
    """Descents between warmup and horizon (default 1 in Hugging Face, 0.5 in paddlenlp)."""
    per: Per = "update"


class CosineWithMinLr(Part):
    """min_lr + (lr - min_lr) (1 + cos(pi half_waves p)) / 2: `cosine` down to `min_lr`."""

    name: Literal["cosine_with_min_lr"]
    """transformers' `get_cosine_with_min_lr_schedule_with_warmup`, which rises again past the
    horizon."""
    half_waves: Positive
    """1: one descent to min_lr (Hugging Face's default, num_cycles 0.5)."""
    min_lr: Rate
    """The lowest rate; below the base rate."""
    per: Per = "update"


class LinearAnnealing(Part):
    """Megatron's line: min_lr + (1 - p) (lr - min_lr)."""

    name: Literal["linear_annealing"]
    """paddlenlp's `LinearAnnealingWithWarmupDecay`."""
    min_lr: Rate
    """The rate at the horizon; below the base rate."""
    per: Per = "update"


class CosineAnnealing(Part):
    """Megatron's cosine: min_lr + (1 + cos(pi p)) / 2 (lr - min_lr)."""

    name: Literal["cosine_annealing"]
    """paddlenlp's `CosineAnnealingWithWarmupDecay`. The frameworks' own `CosineAnnealingDecay` and
    `CosineAnnealingLR` are this up to the horizon, and climb again past it."""
    min_lr: Rate
    """The rate at the horizon; below the base rate."""
    per: Per = "update"


class Polynomial(Part):
    """(lr - end_lr) (1 - p)^power + end_lr, and end_lr past the horizon."""

    name: Literal["polynomial"]
    """`PolyDecayWithWarmup`, `get_polynomial_decay_schedule_with_warmup`, `PolynomialDecay`."""
    power: Positive
    """1 is a straight line."""
    end_lr: Rate
    """The rate at the horizon; below the base rate."""
    cycle: bool = False
    """Never end: whenever the horizon is reached the whole way is lengthened by H - W, and the
    rate jumps back up to where the longer curve is. Then p = (t - W) / (n (H - W)) with
    n = max(1, ceil((t - W) / (H - W))), as in Paddle's `PolynomialDecay(cycle=True)`."""
    per: Per = "update"


class WarmupStableDecay(Part):
    """The base rate for `stable` updates after warmup, then `decay` updates down to `min_lr`.

    In the decay the factor is c (1 - m) + m with m = min_lr / lr; c depends on the shape, with
    q = (t - W - stable) / decay. The rise is the spec's warmup; transformers starts it at
    min_lr / lr unless min_lr is 0: write that as `warmup.start`.
    """

    name: Literal["warmup_stable_decay"]
    """transformers' `get_wsd_schedule`."""
    stable: Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None = None
    """Updates at the base rate; absent means all that warmup and decay leave of the horizon."""
    decay: Count
    """Updates from the base rate to min_lr."""
    shape: Shape
    """c = 1 - q, (1 + cos(pi half_waves q)) / 2 or 1 - sqrt(q)."""
    min_lr: Rate
    """The rate after the decay; below the base rate."""
    half_waves: Positive | None = None
    """Of the cosine, and only there; 1 is one descent (Hugging Face's num_cycles 0.5)."""
    per: Per = "update"

    @field_validator("half_waves")
    @classmethod
    def _only_of_a_cosine(cls, half_waves: float | None, info: ValidationInfo) -> float | None:
        if half_waves is not None and info.data.get("shape") not in (None, "cosine"):
            raise ValueError("goes with shape 'cosine'; leave it out")
        return half_waves

    @model_validator(mode="after")
    def _needed_by_a_cosine(self) -> WarmupStableDecay:
        if self.shape == "cosine" and self.half_waves is None:
            raise ValueError("shape 'cosine' needs half_waves. Received: none")
        return self

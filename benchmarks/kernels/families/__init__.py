"""The cases, family by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.kernels._case import Case
from benchmarks.kernels.families import (
    activations,
    attention,
    images,
    linear,
    losses,
    norms,
    recurrent,
    reductions,
)

__all__ = ["FAMILIES"]

FAMILIES: Mapping[str, Sequence[Case]] = {
    "Products and tables": linear.CASES,
    "Activations": activations.CASES,
    "Normalisation": norms.CASES,
    "Attention": attention.CASES,
    "Losses": losses.CASES,
    "Convolutions and pooling": images.CASES,
    "Recurrence": recurrent.CASES,
    "Reductions, choices, what optimizers use": reductions.CASES,
}

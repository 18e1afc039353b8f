"""Every tolerance of the comparison, and why it is what it is.

Everything is derived from float32, whose neighbours are 2^-23 = 1.2e-7 apart (1 ULP, relative).
The two frameworks compute the same formulas with their sums in another order, so their results
differ by some ULP, and training multiplies that. The measured figures are Paddle 3.3 against
torch 2.13 on CPU, BERT, 120 to 300 updates, every rule of the spec applied.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DECAY_ROUNDING",
    "EXACT",
    "GRADIENT_NORM",
    "LOSS",
    "NORM_FLOOR",
    "ONE_EXAMPLE",
    "PROBE",
    "STILL",
    "WEIGHTS",
    "Tolerance",
]


@dataclass(frozen=True)
class Tolerance:
    """A bound for a difference, whole: the number, and what it is a multiple of."""

    bound: float
    of: str = ""

    def __str__(self) -> str:
        if self.bound == 0:
            return "0"
        return f"{self.bound:.2g} {self.of}".rstrip()


EXACT = Tolerance(0.0)
"""Decided by the core, or equal in float64: no rounding explains a difference."""

PROBE = Tolerance(2.0**-13, "x larger logit (at least 1)")
"""Initial logits: 2^-13 = 1.2e-4 is 1024 ULP.

The weights are equal, so only the order of summation differs. A sum of n float32 products errs by
about sqrt(n) half ULP; n is at most some thousand (the feed-forward width), so some 50 half ULP a
layer; 12 layers of 6 such sums, their errors independent, make sqrt(72) x 50 / 2 = 200 ULP.
A transposed weight matrix or another GELU moves logits by 4e-4 and more.
"""

LOSS = Tolerance(1e-5)
"""A micro-batch's loss: 84 ULP of a loss near 1.

Measured over 120 updates: 5.4e-7, with accumulation 8.6e-7. Weaker than the weights' bar on
purpose: a loss is where a difference shows late, not where it is proved away.
"""

NORM_FLOOR = 1e-3
"""A gradient norm below this is measured as if it were this.

A gradient is a sum of (probability - target) terms, each right to half an ULP of 1. In a small norm
they cancel and that absolute error stays: 1e-3 x 1e-3 = 1e-6 is about 8 ULP of 1.
"""

GRADIENT_NORM = Tolerance(1e-3, f"x larger value (at least {NORM_FLOOR})")
"""The accumulated gradient's norm, before and after clipping.

Rounding in the weights (`WEIGHTS`, per tensor) reaches the gradient magnified by the curvature; a
wrong divisor, a missing micro-batch or clipping per group changes the norm by percents.
"""

WEIGHTS = 1e-5
"""Per tensor, |difference|_2 / |movement|_2 of the final weights.

Measured: at most 4e-6 after 300 updates, which is also the chaos floor (the same framework against
itself with one weight moved by 1 ULP: 2.7e-6 after 120). The smallest mistake of twelve typical
ones, biases that decay, is 1.2e-3.
"""

DECAY_ROUNDING = 3e-8
"""Added to the weights' bar for a tensor that decays, per update and relative to its weights.

The frameworks round 1 - lr x decay to float32 in another way, and half an ULP just below 1 is
2^-25 = 3.0e-8. It shrinks every weight alike, so it adds up over the updates.
"""

STILL = 1e-3
"""A tensor whose movement is below this share of that of all parameters moved by rounding alone
(root mean squares; `_weights.py` says why there are such tensors)."""

ONE_EXAMPLE = Tolerance(1.0, "example")
"""Correct answers: one example may sit on the border between two classes."""

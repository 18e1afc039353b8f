"""Every tolerance of the comparison, and why it is what it is.

The two frameworks compute the same formulas with their sums in another order, so their results
differ by some ULP, and training multiplies that. In float32 1 ULP is 2^-23 = 1.2e-7, relative. The
measured figures are Paddle 3.3 against torch 2.13 on CPU, BERT, 120 to 300 updates, every rule of
the spec applied.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from dualtrain.trace import Trace

__all__ = [
    "DECAY_ROUNDING",
    "EXACT",
    "LOSS_FLOOR",
    "MEANS",
    "NOISE",
    "NOISY_STILL",
    "NORM_FLOOR",
    "QUIET",
    "QUIET_NOISE",
    "QUIET_STILL",
    "STILL",
    "STORAGE_ROUNDING",
    "Tolerance",
    "Tolerances",
    "believed",
    "floor_factor",
    "for_losses",
    "raised",
    "size_of",
    "size_of_losses",
    "tolerances",
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

NORM_FLOOR = 1e-3
"""A gradient norm below this is measured as if it were this.

A gradient is a sum of (probability - target) terms, each right to half an ULP of 1. In a small norm
they cancel and that absolute error stays: 1e-3 x 1e-3 = 1e-6 is about 8 ULP of 1.
"""

LOSS_FLOOR = 1.0
"""A loss or a metric below this is measured as if it were this.

A cross-entropy is a difference of logits near 1, whose rounding stays however small it becomes; a
squared error may be of thousands, each right to some ULP of itself.
"""

SMALL = 1e-2
"""Numbers of which none is above this are no differences of numbers near 1: a regression on targets
of thousandths has losses of millionths. Whatever is measured as if it were 1 is measured there as
if it were the largest of them, times 100: so nothing jumps here.
"""


def size_of(numbers: Iterable[float | None]) -> float:
    """What near 1 is to these numbers: 1, or less where all of them are small.

    >>> size_of([0.7, 2.3]), size_of([0.0025, None])
    (1.0, 0.25)
    """
    finite = [abs(number) for number in numbers if number is not None and math.isfinite(number)]
    largest = max(finite, default=0.0)
    return min(1.0, largest / SMALL) if largest else 1.0


def size_of_losses(*runs: Trace) -> float:
    """The same of the losses of some runs."""
    return size_of(
        loss
        for run in runs
        for update in run.updates
        for loss in (update.loss, *update.micro_losses)
    )


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """The tolerances that follow from the type in which the model is computed."""

    logits: float
    """Of the initial output, relative to the larger logit (at least to 1)."""
    loss: float
    """Of a micro-batch's loss, the evaluation's and its metrics, relative to the larger (at least
    to 1)."""
    norms: float
    """Of the accumulated gradient's norm before and after clipping, relative."""
    weights: float
    """Of the final weights: |difference|_2 / |movement|_2."""
    weights_together: bool
    """Whether that is for all parameters as one, or for each tensor."""
    examples: float
    """Of the correct answers, as a share of all; one is always allowed."""


FLOAT32 = Tolerances(
    # The initial weights are equal, so only the order of summation differs. A sum of n float32
    # products errs by about sqrt(n) half ULP; n is at most some thousand (the feed-forward width),
    # so some 50 half ULP; 12 layers of 6 such sums, their errors independent, make
    # sqrt(72) x 50 / 2 = 200 ULP. Allowed are 1024. A transposed weight matrix or another GELU
    # moves logits by 4e-4 and more.
    logits=2.0**-13,
    # 84 ULP of a loss near 1. Measured over 120 updates: 5.4e-7, with accumulation 8.6e-7; over
    # 208 at a rate of 5e-4: 7.4e-6. A loss is where a difference shows late, not where parity is
    # proved.
    loss=1e-5,
    # Rounding in the weights reaches the gradient magnified by the curvature: 2.1e-4 after 208
    # updates. A wrong divisor, a missing micro-batch or clipping per group changes the norm by
    # percents.
    norms=1e-3,
    # Measured per tensor: at most 4e-6 after 300 updates, which is also the chaos floor (the same
    # framework against itself with one weight moved by 1 ULP: 2.7e-6 after 120). The smallest
    # mistake of twelve typical ones, biases that decay, is 1.2e-3.
    weights=1e-5,
    weights_together=False,
    examples=0.0,
)


def _mixed(ulp: float) -> Tolerances:
    """Of mixed precision, in ULP of its 16-bit type, in which every matrix product is rounded.

    Measured over 208 updates of a small BERT, torch on CPU, bfloat16 (ULP 2^-7) and float16
    (2^-10) against float32, in ULP: logits 0.04 and 0.03; loss 0.8 and 0.5; gradient norm, where
    gradients spike, 32 and 21; weights 2.4 and 6.8. At level O2 over 300 updates: logits 0.06 and
    0.04; loss 0.5 and 1.2; gradient norm 8 and 15; weights, the masters, 5.2 and 9.7. Paddle
    autocasts on GPUs only, where torch and Paddle have not been measured against each other.
    """
    return Tolerances(
        logits=4 * ulp,
        loss=4 * ulp,
        norms=48 * ulp,
        weights=16 * ulp,
        weights_together=True,
        examples=4 * ulp,
    )


FLOAT16 = _mixed(2.0**-10)
BFLOAT16 = _mixed(2.0**-7)


def tolerances(a: Trace, b: Trace) -> Tolerances:
    """Those of the coarser of the types in which two runs computed, as they recorded it.

    For float64 there are no tighter ones: weights are recorded in float32. Between two frameworks
    `_held` is added to the weights' and to the losses'.
    """
    types = {trace.header.computation.dtype for trace in (a, b)}
    if "bfloat16" in types:
        return BFLOAT16
    if "float16" in types:
        return FLOAT16
    if a.header.backend == b.header.backend:
        return FLOAT32
    more = max(_held(a), _held(b))
    return replace(FLOAT32, loss=FLOAT32.loss + more, weights=FLOAT32.weights + more)


def _held(trace: Trace) -> float:
    """How far 1 - beta is from itself when it is formed in float32, relatively; the largest.

    One framework forms it in float32 and another in float64, and each is right in its own way. The
    second moment is apart by so much, and a step by half of that and as much again of the powers of
    beta: 1.3e-5 for 0.999, 1.7e-4 for 0.9999. Measured, Paddle against torch, AdamW, 200 updates of
    a regression at a rate of 1e-2: weights 1.1e-5 and losses 1.0e-5 apart, beside chaos floors of
    6e-7 and 3e-7.
    """
    spec = trace.header.spec
    words = {} if spec is None else spec.optimizer.model_dump()
    betas = [*words.get("betas", ()), *([words["rho"]] if "rho" in words else [])]
    betas += [] if spec is None else [beta for part in spec.own_betas for beta in part.betas]
    exact = [(1 - beta, float(np.float32(1) - np.float32(beta))) for beta in betas]
    return max((abs(single - double) / double for double, single in exact), default=0.0)


def for_losses(allowed: Tolerances, size: float) -> Tolerance:
    """What two losses, or two metrics, may be apart; size: what near 1 is to them."""
    return Tolerance(allowed.loss, f"x larger value (at least {LOSS_FLOOR * size:.2g})")


STORAGE_ROUNDING = 2.0**-24
"""Added to the weights' bound, times the root of the number of updates, relative to the weights.

Each update rounds every weight to float32, by up to half an ULP of the weight itself, however small
the update is; the errors are independent, so n updates make about sqrt(n) of them. It counts where
weights are large beside their movement: a norm's weights near 1 that move by 2e-3 in 208 updates
end 1.1e-5 of their movement apart, their neighbours' biases 3e-6.
"""

DECAY_ROUNDING = 3e-8
"""Added to the weights' bound for a tensor that decays, per update and relative to its weights.

The frameworks round 1 - lr x decay to float32 in another way, and half an ULP just below 1 is
2^-25 = 3.0e-8. It shrinks every weight alike, so it adds up over the updates.
"""


def floor_factor(floors: int) -> float:
    """No bound is below this many times the chaos floor, the largest of so many runs.

    A run that magnifies rounding does so along one direction, so how far two runs of it end apart
    is a draw from one normal distribution, of which a floor is another draw: by chance it may be
    small. Two frameworks are farther apart than 30 times one floor in 2.1 %, than 16 times the
    larger of two in 0.3 %, than 12 times the largest of three in 0.05 %.

    Measured, Paddle against torch over the floor, where the bound without a floor was too low, in
    26 runs of 2 to 1,000 updates (BERT, CNN, MLP), three floors each: weights at most 32 times one
    floor and 8.6 times the largest of three; losses 12 and 5.9, norms 16 and 9.1.
    """
    return {1: 30.0, 2: 16.0}.get(floors, 12.0)


MEANS = 4.0
"""A held-out loss is a mean over many samples, and may come out equal by chance: its floor is at
least the largest floor of a micro-batch's loss up to it, divided by this.

Measured: at most 0.9 of one such floor, and 0.4 of the largest of three.
"""

FLOOR_SIDES = 30.0
"""How many times farther from the nudged run than side b's losses, norms and evaluations side a's
may be, for that to count as floor.

Both sides are apart from it by rounding. Measured in a dozen runs of 2 to 1,200 updates: at most
1.8 times. A side a that is farther is not the run that was nudged.
"""


def believed(own: float, others: float) -> float:
    """The chaos floor, by how far side a and side b are from the nudged run."""
    return min(own, FLOOR_SIDES * others)


def raised(bound: float, floor: float, factor: float) -> float:
    """A bound that is not below what the measured chaos floor makes of it."""
    return max(bound, factor * floor) if math.isfinite(floor) else bound


STILL = 5e-2
"""A tensor whose movement is below this share of that of all parameters moved by rounding alone
(root mean squares; `_weights.py` says why there are such tensors).

Measured in BERT after 200 to 300 updates: 8e-7 to 1e-2 for the biases of attention keys, growing
with the learning rate; at least 0.4 for every other tensor.
"""

NOISE, NOISY_STILL = 0.5, 0.25
"""The share is this larger one for a tensor whose chaos floor is at least `NOISE`: when the run is
made again with one weight nudged, it ends elsewhere by half its movement, so its movement is noise.

Measured in BERT after 1,000 updates at rates of 2e-3, 3e-3 and 1e-2: the biases of attention keys
have a floor of 0.7 to 1.1 and move 0.02, 0.06 and 0.13 times as far as the whole; every tensor that
has a gradient of its own has a floor below 1e-2 until the whole run is chaotic.
"""

QUIET, QUIET_NOISE, QUIET_STILL = 1e-3, 0.1, 1.0
"""In a run that repeats, half of its tensors having a floor of at most `QUIET`, one whose own is at
least `QUIET_NOISE` has no gradient but noise, however far it moved: as far as the whole, at most.

Measured in a CNN after 100 updates with AdamW: biases before a batch norm have floors of 0.33 to
0.76 and move 0.18 to 0.28 times as far as the whole; every other tensor has a floor below 1e-6.
"""

"""Schedules that fall from the end of warmup to the horizon.

p = (t - W) / max(1, H - W) goes from 0 at the end of warmup to 1 at the horizon, and past it the
rate stays, where transformers' cosines climb again; only a polynomial with cycle goes on. The
arithmetic is that of paddlenlp 2.8.1 and transformers, operation by operation in float64.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import count
from math import ceil, pi
from typing import ClassVar, Literal

import numpy as np

from dualtrain.fields import Per, Positive, Rate
from dualtrain.schedules._floats import Floats, cos, power
from dualtrain.schedules._record import Bounds, ScheduleRecord, Turn

__all__ = [
    "Constant",
    "Cosine",
    "CosineAnnealing",
    "CosineWithMinLr",
    "CosineWithRestarts",
    "Linear",
    "LinearAnnealing",
    "Polynomial",
]


def wave(half_waves: float, progress: Floats) -> Floats:
    """From 1 at progress 0 to 0 after one half-wave, and on."""
    return 0.5 * (1.0 + cos(pi * half_waves * progress))


def _held(t: Floats, horizon: int) -> Floats:
    """t, and the horizon past it."""
    return np.minimum(t, horizon) if t[-1] > horizon else t


class _Decay(ScheduleRecord):
    """Base of those that end at the horizon, each by what it makes of p."""

    @property
    def ends(self) -> bool:
        """Always."""
        return True

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """What `fall` makes of p."""
        t = _held(t, bounds.horizon)
        return self.fall((t - bounds.warmup) / bounds.span, bounds.lr)

    @abstractmethod
    def fall(self, p: Floats, lr: float) -> Floats:
        """The factor at each p from 0 to 1."""


class Constant(ScheduleRecord):
    """The base rate after warmup, to the end."""

    moves: ClassVar[bool] = False

    name: Literal["constant"]
    """paddlenlp's `ConstScheduleWithWarmup`, `get_constant_schedule_with_warmup`."""
    per: Per = "update"

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """1."""
        return np.ones_like(t)


class Linear(ScheduleRecord):
    """lr (1 - p): a straight line from the base rate at t = W to 0 at the horizon."""

    name: Literal["linear"]
    """paddlenlp's `LinearDecayWithWarmup`, transformers' `get_linear_schedule_with_warmup`."""
    per: Per = "update"

    @property
    def ends(self) -> bool:
        """Always."""
        return True

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """(H - t) / max(1, H - W)."""
        return (bounds.horizon - _held(t, bounds.horizon)) / bounds.span


class Cosine(_Decay):
    """lr (1 + cos(pi half_waves p)) / 2: `half_waves` says where it is at the horizon."""

    name: Literal["cosine"]
    """paddlenlp's `CosineDecayWithWarmup`, transformers' `get_cosine_schedule_with_warmup`."""
    half_waves: Positive
    """1: one descent to zero (Hugging Face's default, num_cycles 0.5). 2: down and up again
    (paddlenlp's default, num_cycles 1)."""
    per: Per = "update"

    def fall(self, p: Floats, lr: float) -> Floats:
        """(1 + cos(pi half_waves p)) / 2."""
        return wave(self.half_waves, p)


class CosineWithRestarts(_Decay):
    """lr (1 + cos(pi c)) / 2, c the part of cycles x p after the point; 0 from the horizon on.

    A cosine descent to 0 that starts from the base rate `cycles` times.
    """

    name: Literal["cosine_with_restarts"]
    """`get_cosine_with_hard_restarts_schedule_with_warmup`."""
    cycles: Positive
    """Descents between warmup and horizon (default 1 in Hugging Face, 0.5 in paddlenlp)."""
    per: Per = "update"

    @property
    def descents(self) -> float:
        """`cycles`."""
        return self.cycles

    def fall(self, p: Floats, lr: float) -> Floats:
        """(1 + cos(pi ((cycles p) mod 1))) / 2, and 0 from p = 1."""
        phase = self.cycles * p
        descent = wave(1.0, phase - np.floor(phase))  # mod 1, exactly
        return np.where(p >= 1.0, 0.0, descent)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each restart."""
        span = horizon - warmup
        for k in range(1, ceil(self.cycles)):
            yield Turn(warmup + ceil(k * span / self.cycles), f"restart {k}")


class CosineWithMinLr(_Decay):
    """min_lr + (lr - min_lr) (1 + cos(pi half_waves p)) / 2: `cosine` down to `min_lr`."""

    below: ClassVar[tuple[str, ...]] = ("min_lr",)

    name: Literal["cosine_with_min_lr"]
    """transformers' `get_cosine_with_min_lr_schedule_with_warmup`, which rises again past the
    horizon."""
    half_waves: Positive
    """1: one descent to min_lr (Hugging Face's default, num_cycles 0.5)."""
    min_lr: Rate
    """The lowest rate; below the base rate."""
    per: Per = "update"

    def fall(self, p: Floats, lr: float) -> Floats:
        """(1 + cos(pi half_waves p)) / 2 (1 - m) + m, m = min_lr / lr."""
        least = self.min_lr / lr
        return wave(self.half_waves, p) * (1.0 - least) + least


class LinearAnnealing(_Decay):
    """Megatron's line: min_lr + (1 - p) (lr - min_lr)."""

    below: ClassVar[tuple[str, ...]] = ("min_lr",)

    name: Literal["linear_annealing"]
    """paddlenlp's `LinearAnnealingWithWarmupDecay`."""
    min_lr: Rate
    """The rate at the horizon; below the base rate."""
    per: Per = "update"

    def fall(self, p: Floats, lr: float) -> Floats:
        """(min_lr + (1 - p) (lr - min_lr)) / lr."""
        return (self.min_lr + (1.0 - p) * (lr - self.min_lr)) / lr


class CosineAnnealing(_Decay):
    """Megatron's cosine: min_lr + (1 + cos(pi p)) / 2 (lr - min_lr)."""

    below: ClassVar[tuple[str, ...]] = ("min_lr",)

    name: Literal["cosine_annealing"]
    """paddlenlp's `CosineAnnealingWithWarmupDecay`. The frameworks' own `CosineAnnealingDecay` and
    `CosineAnnealingLR` are this up to the horizon, and climb again past it."""
    min_lr: Rate
    """The rate at the horizon; below the base rate."""
    per: Per = "update"

    def fall(self, p: Floats, lr: float) -> Floats:
        """(min_lr + (1 + cos(pi p)) / 2 (lr - min_lr)) / lr."""
        return (self.min_lr + wave(1.0, p) * (lr - self.min_lr)) / lr


class Polynomial(_Decay):
    """(lr - end_lr) (1 - p)^power + end_lr, and end_lr past the horizon."""

    below: ClassVar[tuple[str, ...]] = ("end_lr",)

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

    @property
    def ends(self) -> bool:
        """Without cycle."""
        return not self.cycle

    @property
    def reads_horizon(self) -> bool:
        """With cycle too: each way is as long as the horizon."""
        return True

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """`fall` at p; with cycle at p / max(1, ceil(p)), which is computed as t / length."""
        if not self.cycle:
            return super().factors(t, bounds)
        since, span = t - bounds.warmup, bounds.span
        return self.fall(since / (span * np.maximum(1.0, np.ceil(since / span))), bounds.lr)

    def fall(self, p: Floats, lr: float) -> Floats:
        """((lr - end_lr) (1 - p)^power + end_lr) / lr."""
        return ((lr - self.end_lr) * power(1 - p, self.power) + self.end_lr) / lr

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each lengthening."""
        if self.cycle:
            span = horizon - warmup
            for k in count(1):
                yield Turn(warmup + k * span + 1, f"lengthened {k} times")

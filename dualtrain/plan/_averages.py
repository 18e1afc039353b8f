"""The decay of the averages of the weights, update by update."""

from __future__ import annotations

from dualtrain.spec import Ema

__all__ = ["decay_at"]


def decay_at(ema: Ema, k: int) -> float:
    """d of the average's k-th update, counted from 0.

    >>> [decay_at(Ema(decay=0.5, warmup=True), k) for k in (0, 1, 7, 8, 9)]
    [0.1, 0.18181818181818182, 0.47058823529411764, 0.5, 0.5]
    """
    return min(ema.decay, (1 + k) / (10 + k)) if ema.warmup else ema.decay

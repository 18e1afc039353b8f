"""The decay of the averages of the weights, update by update."""

from __future__ import annotations

import math

from dualtrain.spec import Ema

__all__ = ["decay_at", "start_left"]


def decay_at(ema: Ema, k: int) -> float:
    """What the average keeps of itself in its k-th update, counted from 0.

    That is d, but for the first update of one that starts as the weights after it, and of one that
    is divided by 1 minus the product of all d: a division at each update comes to another d.

    >>> [decay_at(Ema(decay=0.5, warmup=True), k) for k in (0, 1, 7, 8, 9)]
    [0.1, 0.18181818181818182, 0.47058823529411764, 0.5, 0.5]
    >>> [round(decay_at(Ema(decay=0.5, start="debiased"), k), 4) for k in (0, 1, 2, 50)]
    [0.0, 0.3333, 0.4286, 0.5]
    """
    d = min(ema.decay, (1 + k) / (10 + k)) if ema.warmup else ema.decay
    if ema.start == "first" and k == 0:
        return 0.0
    if ema.start == "debiased":
        return d * (1.0 - start_left(ema, k)) / (1.0 - start_left(ema, k + 1))
    return d


def start_left(ema: Ema, k: int) -> float:
    """The share of its start that is left in an average of k updates: the product of all d.

    Of the first n of a warmup, 1/10 2/11 ... n/(n + 9), it is 9! / ((n + 1) ... (n + 9)).

    >>> start_left(Ema(decay=0.5), 3)
    0.125
    """
    if not ema.warmup:
        return ema.decay**k
    rising = min(k, max(0, math.ceil((10 * ema.decay - 1) / (1 - ema.decay))))
    return math.prod(i / (rising + i) for i in range(1, 10)) * ema.decay ** (k - rising)

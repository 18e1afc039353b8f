"""The order in which an epoch visits the samples: a function of seed and epoch, nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["permutation"]


def permutation(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """A shuffle of 0 ... n - 1 for one epoch (from 0); int64, shape (n,).

    The same with every numpy: `RandomState`'s streams are frozen (NEP 19), those of `Generator`
    are not. torch and Paddle shuffle from different generators, so neither is used.

    >>> permutation(42, 0, 6)
    array([1, 3, 5, 4, 0, 2])
    """
    stream = np.random.MT19937(np.random.SeedSequence([seed, epoch]))
    return np.random.RandomState(stream).permutation(n).astype(np.int64)

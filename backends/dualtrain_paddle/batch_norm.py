"""The running variance of batch normalisation, by the rule that both frameworks follow."""

from __future__ import annotations

from collections.abc import Callable

from paddle import nn

__all__ = ["use_biased_variance"]


def use_biased_variance(model: nn.Layer) -> Callable[[], None]:
    """Let the running variances follow the variance that the layer divides by.

    variance becomes m variance + (1 - m) v, where m is Paddle's momentum and v the mean of the
    squared deviations over the batch's n elements of a channel. Paddle does that by itself, so
    there is nothing to do; torch takes v n / (n - 1) instead.

    Returns what gives the model its own rule back: nothing either.
    """
    return lambda: None

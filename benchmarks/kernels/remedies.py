"""What dualtrain does about each fault that the probe finds."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REMEDIES"]

_STAND_INS = (
    "worked around: `freeze` gives a layer with parameters that stand still stand-ins for them, "
    "whoever froze them. A function that is called with another layer's frozen weight is not seen: "
    "let that weight train and give it the lr multiplier 0"
)
_BEYOND_64 = "worked around: dualtrain's loss is computed by the formula; in a loss of your own: "

REMEDIES: Mapping[str, str] = {
    "layer_norm": _STAND_INS,
    "layer_norm, epsilon 1e-12": _STAND_INS,
    "LayerNorm": _STAND_INS,
    "batch_norm": _STAND_INS,
    "batch_norm, eval": _STAND_INS,
    "batch_norm, one element a channel": "refused, as torch does",
    "instance_norm": _STAND_INS,
    "group_norm": "outside: Paddle takes the variance as mean(x^2) - mean(x)^2, which cancels "
    "where a group's mean is far larger than its deviation",
    "group_norm, one group": "outside: as above",
    "log_softmax": _BEYOND_64 + "`x - logsumexp(x)`",
    "cross_entropy": _BEYOND_64 + "`logsumexp(x) - x[label]`",
    "cross_entropy, ignored": _BEYOND_64 + "as above",
    "cross_entropy, smoothed": _BEYOND_64 + "as above, in float32",
    "cross_entropy, soft": _BEYOND_64 + "as above; the gradient is wrong for rows that do not sum "
    "to 1, such as one of zeros",
    "cross_entropy, mean, ignored": "worked around: dualtrain divides a sum, taken in float32, by "
    "the targets that count; Paddle 3 divides by all; beyond 64 as above",
    "embedding": "outside: on the CPU, where dualtrain refuses Paddle's AMP, Paddle 2.6.2 adds up "
    "a row's gradients in the low type",
    "silu": "outside: Paddle's gradient is infinite or NaN below -87; `swish` is the same "
    "function and right",
    "swiglu": "outside: as above",
    "GRU": "outside: NaN in Paddle's gradient where gates are saturated; nothing silent",
    "GRU, dualtrain": "outside: as above",
    "norm": "outside: nothing in dualtrain takes a norm's gradient; Paddle's is 0 below 1e-6",
    "norm of an axis": "outside: as above",
}
"""Case -> what is done. Each is needed by a row of the page, and each row has one."""

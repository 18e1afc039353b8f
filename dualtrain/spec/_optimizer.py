"""The optimizers as a spec names them: update rule and base learning rate.

In every rule w is a weight, g its gradient after unscaling and clipping, lr the rate of update t
(`lr_at(t)` times the parameter's multiplier), wd its weight decay, and k = t + 1 the number of
updates with this one. State starts at 0 unless the rule says otherwise.

Coupled decay is added to the gradient after clipping: g + wd w stands wherever a rule says g.
Nothing whose native default differs between the frameworks has a default here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from dualtrain.fields import Part, Positive

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Momentum",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "Rprop",
]


def _two(values: object) -> object:
    if isinstance(values, (list, tuple)) and len(values) != 2:
        raise ValueError("must be two numbers")
    return values


def _around_one(etas: tuple[float, float]) -> tuple[float, float]:
    if not etas[0] < 1 < etas[1]:
        raise ValueError(f"must be a number below 1, then one above. Received: {list(etas)}")
    return etas


def _rising(sizes: tuple[float, float]) -> tuple[float, float]:
    if sizes[0] > sizes[1]:
        raise ValueError(f"must be the smallest, then the largest. Received: {list(sizes)}")
    return sizes


Rate = Annotated[
    Positive, Field(description="Base learning rate: what the schedule's factor multiplies.")
]
NonNegative = Annotated[float, Field(ge=0, le=1e300)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[
    tuple[Decay, Decay],
    Field(
        strict=False,
        description="Decay rates b1 and b2 of the first and the second moment, each from 0 to "
        "below 1.",
    ),
    BeforeValidator(_two),
]
Pair = Annotated[tuple[Positive, Positive], Field(strict=False), BeforeValidator(_two)]


class SGD(Part):
    """w = w - lr g."""

    name: Literal["sgd"]
    """`torch.optim.SGD`, `paddle.optimizer.SGD`."""
    lr: Rate


class Momentum(Part):
    """b = momentum b + g, w = w - lr b; with `nesterov` w = w - lr (g + momentum b).

    The gradient enters b whole: what torch calls dampening is 0.
    """

    name: Literal["momentum"]
    """`torch.optim.SGD` with momentum, `paddle.optimizer.Momentum`."""
    lr: Rate
    momentum: Annotated[float, Field(gt=0, lt=1)]
    """Share of b that is kept (default 0 in torch's SGD, 0.9 in Paddle's Momentum)."""
    nesterov: bool = False
    """Whether each update looks one step ahead."""


class Adam(Part):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    w = w - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adam"]
    """`torch.optim.Adam`, `paddle.optimizer.Adam`."""
    lr: Rate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""
    amsgrad: bool = False
    """Whether the largest v so far stands in for v."""


class AdamW(Part):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    w = w (1 - lr wd) - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["adamw"]
    """`torch.optim.AdamW`, `paddle.optimizer.AdamW`."""
    lr: Rate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction, in both frameworks."""
    amsgrad: bool = False
    """Whether the largest v so far stands in for v."""


class Lamb(Part):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2.

    r = (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps) + wd w and w = w - lr q r, where the trust
    ratio q is |w| / |r|, the norms taken over the parameter's tensor; 1 where either norm is 0,
    and 1 for a parameter that does not decay: Paddle's rule, which other LAMBs do not share.
    """

    name: Literal["lamb"]
    """`paddle.optimizer.Lamb`; torch has none, dualtrain's own computes the same."""
    lr: Rate
    betas: Betas = (0.9, 0.999)
    eps: Positive
    """Added outside the root (1e-6 in Paddle; torch has no LAMB, its Adams take 1e-8)."""


class Adagrad(Part):
    """s = s + g^2, w = w - lr g / (sqrt(s) + eps)."""

    name: Literal["adagrad"]
    """`torch.optim.Adagrad` without its lr_decay, `paddle.optimizer.Adagrad`."""
    lr: Rate
    eps: Positive
    """Added outside the root (default 1e-10 in torch, 1e-6 in Paddle)."""
    initial_accumulator: NonNegative = 0.0
    """What s starts at."""


class Adadelta(Part):
    """v = rho v + (1 - rho) g^2, d = g sqrt(a + eps) / sqrt(v + eps).

    a = rho a + (1 - rho) d^2, w = w - lr d.
    """

    name: Literal["adadelta"]
    """`torch.optim.Adadelta`, `paddle.optimizer.Adadelta`."""
    lr: Rate
    rho: Decay
    """Decay rate of both averages (default 0.9 in torch, 0.95 in Paddle)."""
    eps: Positive = 1e-6
    """Added inside both roots."""


class Adamax(Part):
    """m = b1 m + (1 - b1) g, u = max(|g|, b2 u + eps), w = w - lr / (1 - b1^k) m / u.

    The eps is where Paddle has it. torch's own takes max(b2 u, |g| + eps), which differs as soon
    as gradients come near eps / (1 - b2); here dualtrain's own computes Paddle's.
    """

    name: Literal["adamax"]
    """`paddle.optimizer.Adamax`; not `torch.optim.Adamax`."""
    lr: Rate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added to u before the maximum: u never falls below eps / (1 - b2) for long."""


class NAdam(Part):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, c_k = b1 (1 - 0.5 x 0.96^(k decay)).

    With P_k = c_1 c_2 ... c_k: w = w - lr (g (1 - c_k) / (1 - P_k) + m c_(k+1) / (1 - P_(k+1)))
    / (sqrt(v / (1 - b2^k)) + eps).
    """

    name: Literal["nadam"]
    """`torch.optim.NAdam`, `paddle.optimizer.NAdam` (Paddle 3)."""
    lr: Rate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added outside the root, after bias correction."""
    momentum_decay: NonNegative = 0.004
    """The decay in c_k."""


class RAdam(Part):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, h = m / (1 - b1^k).

    z = 2 / (1 - b2) - 1 and p = z - 2 k b2^k / (1 - b2^k). Where p > 5: w = w - lr h
    sqrt((p - 4) (p - 2) z / ((z - 4) (z - 2) p)) sqrt(1 - b2^k) / (sqrt(v) + eps);
    before that: w = w - lr h.
    """

    name: Literal["radam"]
    """`torch.optim.RAdam`, `paddle.optimizer.RAdam` (Paddle 3)."""
    lr: Rate
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    """Added to sqrt(v), before bias correction."""


class RMSProp(Part):
    """v = rho v + (1 - rho) g^2; centered: a = rho a + (1 - rho) g and v - a^2 stands for v below.

    b = momentum b + lr g / sqrt(v + eps), w = w - b. The eps is inside the root and the rate
    inside b, as in Paddle (and TensorFlow). `torch.optim.RMSprop` adds eps outside, which no
    choice of eps mends, and multiplies b by the rate; here dualtrain's own computes Paddle's.
    """

    name: Literal["rmsprop"]
    """`paddle.optimizer.RMSProp`; not `torch.optim.RMSprop`."""
    lr: Rate
    rho: Decay
    """Decay rate of the averages (default 0.95 in Paddle; torch's alpha, 0.99)."""
    eps: Positive
    """Added inside the root (default 1e-6 in Paddle)."""
    momentum: Decay = 0.0
    """Share of b that is kept."""
    centered: bool = False
    """Whether the mean's square is taken off v."""


class Rprop(Part):
    """Each weight has a step size s, at first lr; only the gradient's sign counts.

    Same sign as last time: s = min(s x etas[1], step_sizes[1]). The other: s = max(s x etas[0],
    step_sizes[0]), and g counts as 0, now and as next time's last. Then w = w - s sign(g).

    The rate is read once, so the schedule must be constant, without warmup.
    """

    name: Literal["rprop"]
    """`torch.optim.Rprop`, `paddle.optimizer.Rprop` (Paddle 3)."""
    lr: Rate
    etas: Annotated[Pair, AfterValidator(_around_one)] = (0.5, 1.2)
    """By what a step size shrinks and grows."""
    step_sizes: Annotated[Pair, AfterValidator(_rising)]
    """The smallest (default 1e-6 in torch, 1e-5 in Paddle) and the largest; lr is between them."""

    @field_validator("step_sizes")
    @classmethod
    def _hold_the_rate(
        cls, sizes: tuple[float, float], info: ValidationInfo
    ) -> tuple[float, float]:
        lr = info.data.get("lr")
        if lr is not None and not sizes[0] <= lr <= sizes[1]:
            raise ValueError(
                f"must have lr between them. Received: step_sizes {list(sizes)}, lr {lr!r}"
            )
        return sizes


def _not_asgd(value: Any) -> Any:
    if isinstance(value, dict) and value.get("name") == "asgd":
        raise ValueError(
            "asgd is not one algorithm: torch averages weights (Polyak), Paddle averages "
            "gradients over batches. Paddle's with batch_num 1 is sgd. Received: 'asgd'"
        )
    return value


Optimizer = Annotated[
    SGD
    | Momentum
    | Adam
    | AdamW
    | Lamb
    | Adagrad
    | Adadelta
    | Adamax
    | NAdam
    | RAdam
    | RMSProp
    | Rprop,
    Field(discriminator="name"),
    BeforeValidator(_not_asgd),
]

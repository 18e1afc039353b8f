"""The native schedule of a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from dualtrain.plan import Plan
from dualtrain.spec import Constant, CosineWithRestarts, InverseSqrt, Linear, Polynomial
from dualtrain_torch._compat import native_schedules

__all__ = ["build_schedule"]


def build_schedule(
    plan: Plan, optimizer: Any, *, rate_at: Callable[[int], float] | None = None
) -> Any:
    """The schedule object that drives `optimizer`; call its `step()` after each update.

    transformers' own function where it equals `plan.lr_at(t)` at every t >= 0 (the conformance
    suite shows it); otherwise `LambdaLR` over the plan.

    rate_at: gives the rates instead of the plan, which does not know those of reduce_on_plateau.
    """
    if rate_at is not None:
        return _driven(optimizer, rate_at)
    native = native_schedules() if plan.curve.plain else None
    schedule, warmup, horizon = plan.spec.schedule, plan.warmup_updates, plan.horizon
    if native is None:
        return LambdaLR(optimizer, plan.factor_at)
    match schedule:
        case Constant():
            return native.get_constant_schedule_with_warmup(optimizer, warmup)
        case Linear():
            return native.get_linear_schedule_with_warmup(optimizer, warmup, horizon)
        case CosineWithRestarts(cycles=cycles):
            return native.get_cosine_with_hard_restarts_schedule_with_warmup(
                optimizer, warmup, horizon, num_cycles=cycles
            )
        case Polynomial(power=power, end_lr=end_lr, cycle=False):
            return native.get_polynomial_decay_schedule_with_warmup(
                optimizer, warmup, horizon, lr_end=end_lr, power=power
            )
        case InverseSqrt(timescale=timescale):
            return native.get_inverse_sqrt_schedule(optimizer, warmup, timescale=timescale)
        case _:
            return LambdaLR(optimizer, plan.factor_at)


def _driven(optimizer: Any, rate_at: Callable[[int], float]) -> LambdaLR:
    """`LambdaLR` over the rates themselves: the base rate times rate / base rate would round."""
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr_multiplier"]
    schedule = LambdaLR(optimizer, rate_at)
    for group in optimizer.param_groups:
        group["initial_lr"] = optimizer.defaults["lr"] * group["lr_multiplier"]
    return schedule

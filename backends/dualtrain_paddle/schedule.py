"""The native schedule of a plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
from paddle.optimizer.lr import LambdaDecay

from dualtrain.plan import Curve, Plan, Rise, clock_of, round_product
from dualtrain.schedules import Linear
from dualtrain_paddle._compat import native_schedules

__all__ = ["LinearDecayWithWarmup", "build_schedule"]


def build_schedule(
    plan: Plan, optimizer: Any, *, rate_at: Callable[[int], float] | None = None
) -> Any:
    """The schedule object that drives `optimizer`; call its `step()` after each update.

    paddlenlp's own class where it equals `plan.lr_at(t)` at every t >= 0 (the conformance suite
    shows it); otherwise `LambdaDecay` over the plan.

    States may be loaded in any order, before and after it is built: the optimizer has the plan's
    rate of the schedule's clock. Of a schedule's state, which Paddle's optimizers carry in their
    own, only the clock is read.

    rate_at: gives the rates instead of the plan, which does not know those of reduce_on_plateau.
    """
    if rate_at is not None:
        schedule = _ClockedDecay(1.0, rate_at)  # over a base of 1: lr (rate / lr) may round
    else:
        schedule = _native(plan) or _ClockedDecay(plan.spec.optimizer.lr, plan.factor_at)
    optimizer.set_lr_scheduler(schedule)
    state, optimizer.loaded_clock = getattr(optimizer, "loaded_clock", None), None
    if state is not None:
        schedule.set_state_dict(state)
    return schedule


class _Clocked:
    """A schedule whose state is its clock: the rate follows from it, whatever was saved."""

    last_epoch: int
    last_lr: float

    def set_state_dict(self: Any, state_dict: Any) -> None:
        """Go on at the clock of a state; Paddle would take the saved rate for the next update."""
        self.last_epoch = clock_of(state_dict)
        self.last_lr = self.get_lr()

    set_dict = set_state_dict


class _ClockedDecay(_Clocked, LambdaDecay):
    """`LambdaDecay` with that state."""


@cache
def _clocked(native: Any) -> Any:
    """A class of paddlenlp's with that state."""
    return type(native.__name__, (_Clocked, native), {})


def _native(plan: Plan) -> Any:
    """paddlenlp's object for this plan, or None."""
    call = plan.native("paddlenlp")
    native = native_schedules() if call is not None else None
    if call is None or native is None:
        return None
    return _clocked(getattr(native, call.short_name))(**call.arguments)


class LinearDecayWithWarmup(_ClockedDecay):
    """paddlenlp's class of this name, where paddlenlp is missing; picklable, same numbers.

    lr(t) = learning_rate * t / W for t < W, then
    learning_rate * max(0, (total_steps - t) / max(1, total_steps - W)).

    warmup: W itself if a whole number (numpy's too; paddlenlp takes `numpy.int64(10)` for a
    proportion), else a proportion: W = floor(warmup * total_steps).

    >>> schedule = LinearDecayWithWarmup(0.1, total_steps=4, warmup=0.5)
    >>> [schedule(), *((schedule.step(), schedule())[1] for _ in range(4))]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    def __init__(
        self,
        learning_rate: float,
        total_steps: int,
        warmup: float | np.integer[Any],
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        if isinstance(warmup, Integral):
            warmup_updates = int(warmup)
        else:
            warmup_updates = round_product(float(warmup), total_steps, "floor")
        curve = Curve(
            schedule=Linear(name="linear"),
            lr=learning_rate,
            warmup=warmup_updates,
            horizon=total_steps,
            rise=Rise(updates=warmup_updates),
        )
        super().__init__(learning_rate, curve.factor_at, last_epoch, verbose)

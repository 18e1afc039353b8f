"""The native schedule of a plan."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch.optim.lr_scheduler import LambdaLR

from dualtrain.plan import Plan, clock_of
from dualtrain_torch._compat import native_schedules

__all__ = ["build_schedule"]


def build_schedule(
    plan: Plan, optimizer: Any, *, rate_at: Callable[[int], float] | None = None
) -> Any:
    """The schedule object that drives `optimizer`; call its `step()` after each update.

    transformers' own function where it equals `plan.lr_at(t)` at every t >= 0 (the conformance
    suite shows it); otherwise `LambdaLR` over the plan.

    States may be loaded in any order, before and after it is built: the optimizer has the plan's
    rate of the schedule's clock. Of a schedule's state only the clock is read.

    rate_at: gives the rates instead of the plan, which does not know those of reduce_on_plateau.
    """
    base = plan.spec.optimizer.lr
    for group in optimizer.param_groups:
        if "lr_multiplier" in group:  # not what an earlier schedule, or a loaded state, left there
            group["initial_lr"] = base * group["lr_multiplier"]
    schedule = _driven(optimizer, rate_at) if rate_at is not None else _planned(plan, optimizer)
    _keep_rates(optimizer, schedule)
    return schedule


class _Clocked(LambdaLR):
    """`LambdaLR` whose state is its clock: what is loaded into it sets the rates at once."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on at the clock of a state; torch would leave the rates to the next `step()`."""
        self.last_epoch = clock_of(state_dict)
        self._step_count = self.last_epoch + 1
        self.set_rates()

    def set_rates(self) -> None:
        """Give the optimizer the rates of the clock."""
        rates = [
            b * f(self.last_epoch) for b, f in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates


def _planned(plan: Plan, optimizer: Any) -> _Clocked:
    call = plan.native("transformers")
    native = native_schedules() if call is not None else None
    if call is None or native is None:
        return _Clocked(optimizer, plan.factor_at)
    made = getattr(native, call.short_name)(optimizer=optimizer, **call.arguments)
    return _Clocked(optimizer, made.lr_lambdas)


def _driven(optimizer: Any, rate_at: Callable[[int], float]) -> _Clocked:
    """Over the rates themselves: the base rate times rate / base rate would round."""
    initial = [group["initial_lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr_multiplier"]
    schedule = _Clocked(optimizer, rate_at)
    for group, rate in zip(optimizer.param_groups, initial, strict=True):
        group["initial_lr"] = rate
    return schedule


def _keep_rates(optimizer: Any, schedule: _Clocked) -> None:
    """Let an optimizer's state that is loaded later not bring the rates of when it was saved."""
    initial = [group["initial_lr"] for group in optimizer.param_groups]
    held = weakref.ref(schedule)

    def after_loading(optimizer: Any) -> None:
        live = held()
        if live is None:
            return
        for group, rate in zip(optimizer.param_groups, initial, strict=True):
            group["initial_lr"] = rate
        live.set_rates()

    optimizer.register_load_state_dict_post_hook(after_loading)

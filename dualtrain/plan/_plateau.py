"""reduce_on_plateau: the one schedule whose rate depends on how training goes."""

from __future__ import annotations

import math
from typing import cast

from dualtrain.errors import MetricError
from dualtrain.plan._plan import Plan
from dualtrain.schedules import ReduceOnPlateau
from dualtrain.state import PlateauState

__all__ = ["Plateau"]


class Plateau:
    """The state of `reduce_on_plateau`: the rate that follows from the metrics so far.

    For each reported metric m, with best = inf (mode `max`: -inf), bad = cooling = 0 at first:

        m is better: best = m, bad = 0;  else: bad += 1
        cooling > 0: cooling -= 1, bad = 0
        bad > patience: the rate is cut, cooling = cooldown, bad = 0

        better, mode min:  m < best (1 - threshold)   threshold_mode rel
                           m < best - threshold       threshold_mode abs
                mode max:  m > best (1 + threshold),  m > best + threshold
        cut: new = max(rate factor, min_lr); made if rate - new > eps

    That is torch's `ReduceLROnPlateau`, equal in every rate. Paddle's `ReduceOnPlateau` looks at no
    metric while it cools down, so with cooldown > 0 it may cut at another time. Both go on with a
    metric that is not a number (Paddle then finds no better one ever again); here it is refused.

    Warmup comes first: at t < W the rate is that of the rise, and no metric is looked at.

    >>> plateau = Plateau(plan)  # mode min, patience 1, factor 0.5; lr 0.1, no warmup
    >>> for t, loss in enumerate([3.0, 2.0, 2.0, 2.0], start=1):
    ...     plateau.report(loss, t)
    >>> plateau.rate_at(5)
    0.05
    """

    def __init__(self, plan: Plan) -> None:
        assert plan.spec.schedule.needs_metric
        self._plan = plan
        self._schedule = cast(ReduceOnPlateau, plan.spec.schedule)
        self._rate = plan.spec.optimizer.lr
        self._best = math.inf if self._schedule.mode == "min" else -math.inf
        self._bad = 0
        self._cooling = 0

    def rate_at(self, t: int) -> float:
        """The float64 rate of update t, the next one, as the metrics so far have it."""
        if t < self._plan.warmup_updates:
            return self._plan.spec.optimizer.lr * self._plan.curve.factor_at(t)
        return self._rate

    def report(self, metric: float, t: int) -> None:
        """Take a metric before update t. Raises `MetricError` if it is no finite number."""
        try:
            number = math.nan if isinstance(metric, str) else float(metric)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise MetricError(f"a metric must be a finite number. Received: {metric}")
        metric = number
        if t < self._plan.warmup_updates:
            return
        if self._schedule.better(metric, self._best):
            self._best, self._bad = metric, 0
        else:
            self._bad += 1
        if self._cooling > 0:
            self._cooling -= 1
            self._bad = 0
        if self._bad > self._schedule.patience:
            self._rate = self._schedule.cut(self._rate)
            self._cooling, self._bad = self._schedule.cooldown, 0

    def state(self) -> PlateauState:
        """What the rates to come depend on."""
        best = self._best if math.isfinite(self._best) else None
        return PlateauState(rate=self._rate, best=best, bad=self._bad, cooling=self._cooling)

    def restore(self, state: PlateauState) -> None:
        """Go on from a state."""
        if state.best is not None:
            self._best = state.best
        else:
            self._best = math.inf if self._schedule.mode == "min" else -math.inf
        self._rate, self._bad, self._cooling = state.rate, state.bad, state.cooling

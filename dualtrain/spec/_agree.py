"""Rules between a schedule and the other parts of a spec."""

from __future__ import annotations

from dualtrain.optimizers import Optimizer
from dualtrain.spec._cycles import CosineAnnealingWarmRestarts, Cyclic, OneCycle
from dualtrain.spec._decays import (
    CosineAnnealing,
    CosineWithMinLr,
    LinearAnnealing,
    Polynomial,
    WarmupStableDecay,
)
from dualtrain.spec._plateau import ReduceOnPlateau
from dualtrain.spec._schedule import Schedule, Sequential
from dualtrain.spec._steps import Noam, Piecewise
from dualtrain.spec._task import TextClassification

__all__ = ["check_metric", "check_momentum", "check_rates", "check_rise"]


LARGEST_FACTOR = 1e100
"""Of the base rate; float64 holds it, and what is computed with it."""


def check_rates(schedule: Schedule, lr: float) -> None:
    """The rates that a schedule names lie on the right side of the base rate.

    Paddle's PolynomialDecay ends at 1e-4 if you let it: with a base rate of 5e-5 it rises.
    """
    if isinstance(schedule, Sequential):
        for index, phase in enumerate(schedule.phases):
            _check_rates(phase.schedule, lr, where=f"phases[{index}].schedule.")
    else:
        _check_rates(schedule, lr)
        if isinstance(schedule, Piecewise) and schedule.values[0] != lr:
            raise ValueError(
                "values must begin with optimizer.lr. "
                f"Received: values[0] {schedule.values[0]!r}, lr {lr!r}"
            )


def _check_rates(schedule: Schedule, lr: float, where: str = "") -> None:
    match schedule:
        case Polynomial(end_lr=rate):
            below = {"end_lr": rate}
        case OneCycle(start_lr=start, end_lr=end):
            below = {"start_lr": start, "end_lr": end}
        case (
            CosineWithMinLr(min_lr=rate)
            | CosineAnnealing(min_lr=rate)
            | LinearAnnealing(min_lr=rate)
            | WarmupStableDecay(min_lr=rate)
            | CosineAnnealingWarmRestarts(min_lr=rate)
            | ReduceOnPlateau(min_lr=rate)
        ):
            below = {"min_lr": rate}
        case _:
            below = {}
    for name, rate in below.items():
        if rate >= lr:
            raise ValueError(
                f"{where}{name} must be below optimizer.lr. Received: {name} {rate!r}, lr {lr!r}"
            )
    if isinstance(schedule, Cyclic | Piecewise):
        rates = (schedule.max_lr,) if isinstance(schedule, Cyclic) else schedule.values
        if max(rates) / lr > LARGEST_FACTOR:
            raise ValueError(
                f"{where}rates must be at most {LARGEST_FACTOR:.0e} times optimizer.lr. "
                f"Received: {max(rates)!r}, lr {lr!r}"
            )
    if isinstance(schedule, Cyclic) and schedule.max_lr <= lr:
        raise ValueError(
            f"{where}max_lr must be above optimizer.lr. "
            f"Received: max_lr {schedule.max_lr!r}, lr {lr!r}"
        )


def check_momentum(schedule: Schedule, optimizer: Optimizer) -> None:
    """Only the optimizer `momentum` has a momentum that can be cycled, from its own value on."""
    if not isinstance(schedule, OneCycle | Cyclic) or schedule.momentum is None:
        return
    if optimizer.cycled_momentum is None:
        raise ValueError(
            "momentum can be cycled for the optimizer 'momentum' only: Paddle keeps running "
            f"products of Adam's betas. Received: optimizer {optimizer.name!r}"
        )
    if schedule.momentum.high != optimizer.cycled_momentum:
        raise ValueError(
            "momentum.high must be optimizer.momentum: the cycle begins there. "
            f"Received: high {schedule.momentum.high!r}, momentum {optimizer.cycled_momentum!r}"
        )


def check_metric(schedule: Schedule, task: TextClassification) -> None:
    """A task can give reduce_on_plateau its metric: the loss on the held-out split."""
    if not isinstance(schedule, ReduceOnPlateau):
        return
    if task.eval is None:
        raise ValueError(
            "the schedule 'reduce_on_plateau' judges by the held-out loss: needs eval. "
            "Received: nothing"
        )
    if schedule.mode != "min":
        raise ValueError(
            "the schedule 'reduce_on_plateau' judges by the held-out loss: its mode must be "
            f"'min'. Received: {schedule.mode!r}"
        )


def check_rise(schedule: Schedule) -> None:
    """A schedule that rises by itself takes no warmup."""
    if isinstance(schedule, Sequential):
        schedule = schedule.phases[0].schedule
    if isinstance(schedule, OneCycle | Noam):
        raise ValueError(f"must be absent: the schedule {schedule.name!r} rises by itself")

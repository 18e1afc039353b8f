"""Schedules that are multiplied with each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from heapq import merge
from operator import mul
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dualtrain.fields import Per
from dualtrain.schedules._floats import Floats
from dualtrain.schedules._record import Bounds, Misfit, ScheduleRecord, Turn, Window
from dualtrain.schedules._sequence import PhaseSchedule

__all__ = ["Product"]


class Product(ScheduleRecord):
    """lr times each schedule's rate / lr: one clock, one horizon, and one warmup for all."""

    name: Literal["product"]
    """torch's `ChainedScheduler`, whose schedules each change the rate that is there."""
    schedules: Annotated[tuple[PhaseSchedule, ...], Field(strict=False, min_length=2)]
    """Any but reduce_on_plateau, sequential and product; each counts as the product does."""
    per: Per = "update"

    @model_validator(mode="after")
    def _one_clock(self) -> Product:
        for index, schedule in enumerate(self.schedules):
            if schedule.per != self.per:
                raise ValueError(
                    f"schedules[{index}].per must be that of the product. "
                    f"Received: {schedule.per!r}, the product has {self.per!r}"
                )
            if schedule.cycled is not None:
                raise ValueError(
                    f"schedules[{index}].momentum must be absent: only one rate can lead it"
                )
        return self

    @property
    def opening(self) -> ScheduleRecord:
        """The schedule that rises by itself, if one does."""
        return next((one for one in self.schedules if one.rises), self)

    @property
    def begins_as(self) -> str:
        """Its own name."""
        return self.name

    @property
    def ends(self) -> bool:
        """Whether all do."""
        return all(one.ends or not one.moves for one in self.schedules)

    @property
    def reads_horizon(self) -> bool:
        """Whether any does."""
        return any(one.reads_horizon for one in self.schedules)

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """The product of the factors, from the first to the last."""
        return reduce(mul, (one.factors(t, bounds) for one in self.schedules))

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Those of each."""
        return merge(*(one.turns(warmup=warmup, horizon=horizon) for one in self.schedules))

    def check_rates(self, lr: float, where: str = "") -> None:
        """Those of each."""
        for index, one in enumerate(self.schedules):
            one.check_rates(lr, f"{where}schedules[{index}].")

    def misfit(self, window: Window, where: tuple[str | int, ...] = ("schedule",)) -> Misfit | None:
        """That of the first that does not fit."""
        found = (
            one.misfit(window, (*where, "schedules", index))
            for index, one in enumerate(self.schedules)
        )
        return next(filter(None, found), None)

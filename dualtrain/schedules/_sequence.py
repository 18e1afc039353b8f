"""One schedule after the other, each with a clock that starts at 0 and a horizon of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, field_serializer, field_validator

from dualtrain.fields import Count, Part, Per
from dualtrain.schedules._floats import Floats
from dualtrain.schedules._record import Bounds, Misfit, ScheduleRecord, Turn, Window, check_size
from dualtrain.schedules._registry import PHASES

__all__ = ["Phase", "PhaseSchedule", "Sequential"]

if TYPE_CHECKING:
    PhaseSchedule = ScheduleRecord
else:
    PhaseSchedule = Annotated[Union[PHASES], Field(discriminator="name")]  # noqa: UP007
"""Every schedule that can be a phase."""


class Phase(Part):
    """A schedule and how long it lasts."""

    schedule: PhaseSchedule
    """Its clock starts at 0 with the phase, and its horizon is the phase's length."""
    lr: Annotated[float, Field(gt=0, le=1e300)] | None = None
    """The base rate of the phase; absent means optimizer.lr. The first phase has none of its own:
    warmup rises to its base rate."""
    updates: Count | None = None
    """The phase's length, in epochs with `per: epoch`; the last phase has none, it lasts to the
    horizon of the spec."""

    @field_validator("schedule")
    @classmethod
    def _no_clock_of_its_own(cls, schedule: PhaseSchedule) -> PhaseSchedule:
        if "per" in schedule.model_fields_set:
            raise ValueError("per is that of the sequence; leave it out here")
        if schedule.cycled is not None:
            raise ValueError("momentum cannot be cycled in one phase of several; leave it out")
        return schedule

    @field_serializer("schedule", mode="wrap")
    def _as_it_is_read(
        self, schedule: PhaseSchedule, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        written: dict[str, Any] = handler(schedule)
        return {name: value for name, value in written.items() if name != "per"}


class Sequential(ScheduleRecord):
    """One schedule after the other. Warmup belongs to the first phase."""

    awaited: ClassVar[Literal["no", "first", "all"]] = "all"

    name: Literal["sequential"]
    """torch's `SequentialLR`, whose milestones are the sums of the lengths so far."""
    phases: Annotated[tuple[Phase, ...], Field(strict=False)]
    """Any schedules but reduce_on_plateau, sequential and product; all but the last have
    `updates`."""
    per: Per = "update"

    @field_validator("phases")
    @classmethod
    def _only_the_last_is_open(cls, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        lengths = [phase.updates for phase in phases]
        if len(phases) < 2 or None in lengths[:-1] or lengths[-1] is not None:
            raise ValueError(
                "must be two or more; each but the last has updates, and the last has none. "
                f"Received: updates {lengths}"
            )
        if phases[0].lr is not None:
            raise ValueError(
                "must begin with optimizer.lr: leave lr out of the first. "
                f"Received: lr {phases[0].lr!r}"
            )
        return phases

    @property
    def begins_as(self) -> str:
        """The name of its first phase."""
        return str(self.opening.name)

    @property
    def opening(self) -> ScheduleRecord:
        """The schedule of its first phase."""
        return self.phases[0].schedule

    @property
    def closing(self) -> ScheduleRecord:
        """The schedule of its last phase."""
        return self.phases[-1].schedule

    @property
    def ends(self) -> bool:
        """Whether its last phase does."""
        return self.closing.ends

    @property
    def reads_horizon(self) -> bool:
        """Whether its last phase does."""
        return self.closing.reads_horizon

    @property
    def waves(self) -> float | None:
        """Of its last phase."""
        return self.closing.waves

    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """Each stretch by its own formula."""
        parts = [*self._stretches(warmup=bounds.warmup, horizon=bounds.horizon)]
        ends = np.searchsorted(t, [part.begin for part in parts[1:]])
        factors = [
            part.factors(counts, bounds.lr)
            for part, counts in zip(parts, np.split(t, ends), strict=True)
            if len(counts)
        ]
        return np.concatenate(factors)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Each phase but the first."""
        begins = accumulate(phase.updates or 0 for phase in self.phases[:-1])
        later = zip(begins, self.phases[1:], strict=True)
        return (Turn(at, phase.schedule.name) for at, phase in later)

    def check_rates(self, lr: float, where: str = "") -> None:
        """Those of each phase."""
        for index, phase in enumerate(self.phases):
            base = lr if phase.lr is None else phase.lr
            check_size((base,), lr, f"{where}phases[{index}].")
            phase.schedule.check_rates(base, f"{where}phases[{index}].schedule.")

    def misfit(self, window: Window, where: tuple[str | int, ...] = ("schedule",)) -> Misfit | None:
        """The last phase has no room, warmup is longer than the first, or one does not fit."""
        per = window.per
        for index, part in enumerate(self._stretches(warmup=window.warmup, horizon=window.horizon)):
            if part.length < 1:
                over = part.begin - window.horizon + 1
                return Misfit(
                    where=(*where, "phases"),
                    rule="must leave room for the last",
                    cure=f"make those before it {over} {per}{'' if over == 1 else 's'} shorter, "
                    f"or write {window.longer}",
                    received=f"{part.begin} {per}s before it, horizon {window.horizon}",
                )
            if part.warmup >= part.length:
                return Misfit(
                    where=window.warmup_field,
                    rule="must be shorter than the first phase",
                    cure=f"make phases[{index}].updates longer than it",
                    received=f"{part.warmup} warmup {per}s, {part.length} in the phase",
                )
            own = replace(window, warmup=part.warmup, horizon=part.length)
            found = part.phase.schedule.misfit(own, (*where, "phases", index, "schedule"))
            if found is not None:
                return found
        return None

    def floors(self) -> Iterator[tuple[str, float]]:
        """Those of each phase."""
        return (floor for phase in self.phases for floor in phase.schedule.floors())

    def _stretches(self, *, warmup: int, horizon: int) -> Iterator[_Stretch]:
        """Each phase; the last has what the others leave of the horizon, at least 1 in a plan."""
        begin = 0
        for phase in self.phases:
            length = horizon - begin if phase.updates is None else phase.updates
            inside = warmup if begin == 0 else 0
            yield _Stretch(phase=phase, begin=begin, length=length, warmup=inside)
            begin += length


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """A phase in whole numbers, counted from where the sequence starts."""

    phase: Phase
    begin: int
    length: int
    warmup: int
    """Of the warmup, what lies inside: it belongs to the first phase."""

    def factors(self, t: Floats, lr: float) -> Floats:
        """The phase's rate over the base rate `lr`."""
        own = lr if self.phase.lr is None else self.phase.lr
        bounds = Bounds(lr=own, warmup=self.warmup, horizon=self.length)
        found = self.phase.schedule.factors(t - self.begin, bounds)
        return found if own == lr else found * own / lr

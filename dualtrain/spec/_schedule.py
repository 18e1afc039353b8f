"""The learning-rate schedules as a spec names them; their formulas are in `dualtrain.plan`.

`_decays.py` has those that end at the horizon, `_steps.py` those that count on, `_cycles.py` those
that rise again, `_plateau.py` the one that looks at a metric; here they are put together.
Nothing whose default differs between the frameworks has a default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_serializer, field_validator

from dualtrain.fields import Count, Part, Per
from dualtrain.spec._cycles import CosineAnnealingWarmRestarts, Cyclic, OneCycle
from dualtrain.spec._decays import (
    Constant,
    Cosine,
    CosineAnnealing,
    CosineWithMinLr,
    CosineWithRestarts,
    Linear,
    LinearAnnealing,
    Polynomial,
    WarmupStableDecay,
)
from dualtrain.spec._plateau import ReduceOnPlateau
from dualtrain.spec._steps import (
    Exponential,
    InverseSqrt,
    InverseTime,
    MultiStep,
    NaturalExp,
    Noam,
    Piecewise,
    Step,
)

__all__ = ["Phase", "PhaseSchedule", "Schedule", "Sequential"]

PhaseSchedule = (
    Constant
    | Linear
    | Cosine
    | CosineWithRestarts
    | Polynomial
    | InverseSqrt
    | Step
    | MultiStep
    | Piecewise
    | Exponential
    | NaturalExp
    | InverseTime
    | Noam
    | CosineWithMinLr
    | LinearAnnealing
    | CosineAnnealing
    | WarmupStableDecay
    | OneCycle
    | Cyclic
    | CosineAnnealingWarmRestarts
)
"""Every schedule that can be a phase: its rate follows from the clock alone."""


class Phase(Part):
    """A schedule and how long it lasts."""

    schedule: Annotated[PhaseSchedule, Field(discriminator="name")]
    """Its clock starts at 0 with the phase, and its horizon is the phase's length."""
    updates: Count | None = None
    """The phase's length, in epochs with `per: epoch`; the last phase has none, it lasts to the
    horizon of the spec."""

    @field_validator("schedule")
    @classmethod
    def _no_clock_of_its_own(cls, schedule: PhaseSchedule) -> PhaseSchedule:
        if "per" in schedule.model_fields_set:
            raise ValueError("per is that of the sequence; leave it out here")
        if isinstance(schedule, OneCycle | Cyclic) and schedule.momentum is not None:
            raise ValueError("momentum cannot be cycled in one phase of several; leave it out")
        return schedule

    @field_serializer("schedule", mode="wrap")
    def _as_it_is_read(
        self, schedule: PhaseSchedule, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        written: dict[str, Any] = handler(schedule)
        return {name: value for name, value in written.items() if name != "per"}


class Sequential(Part):
    """One schedule after the other. Warmup belongs to the first phase."""

    name: Literal["sequential"]
    """torch's `SequentialLR`, whose milestones are the sums of the lengths so far."""
    phases: Annotated[tuple[Phase, ...], Field(strict=False)]
    """Any schedules but reduce_on_plateau and sequential; all but the last have `updates`."""
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
        return phases


Schedule = Annotated[
    PhaseSchedule | ReduceOnPlateau | Sequential,
    Field(discriminator="name"),
]

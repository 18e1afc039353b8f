"""How the rows of a library's schedules are made, and what several libraries have alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dualtrain.native import _schedule_arguments as says
from dualtrain.native._call import Argument, Fixed, Row, Words, at_default

__all__: list[str] = []

LAMBDA = "holds Python code; a spec holds none: write its factors as a `table`"
BASE = "the base class of the others; it has no rate of its own"
RECURSIVE = "each rate is computed from the last one, so its rounding adds up"
WHOLE_RATE = "computes the rate as a whole; the plan multiplies the base rate by a factor"
ANGLE = "rounds the cosine's angle in another order"
RATIO = "takes the ratio itself; in the spec it is min_lr / lr, rounded"
CLIMBS = "climbs again; the spec stays at the end"
WAVES = "goes on in waves; the spec stays at the end"
RAISES = "goes on falling for an update, then raises; the spec stays at the end"

Arguments = Mapping[str, Argument]


@dataclass(frozen=True)
class Rows:
    """Makes the rows of one module of a library."""

    library: str
    module: str
    free: tuple[str, ...] = ("last_epoch", "verbose")
    """What each of its schedules takes and no number depends on."""

    def exact(
        self,
        name: str,
        schedule: str | None = None,
        arguments: Arguments | None = None,
        *,
        means: Words | None = None,
        free: tuple[str, ...] = (),
        **more: Any,
    ) -> Row:
        """A class or function that means a schedule, and how its arguments say the rest."""
        named = {says.NAME: schedule} if schedule is not None else {}
        return Row(
            library=self.library,
            name=f"{self.module}.{name}",
            scope=("schedule", "warmup", "horizon"),
            means={**named, **(means or {})},
            arguments=arguments or {},
            free=(*self.free, *free),
            **more,
        )

    def recursive(self, *what: Any, **more: Any) -> Row:
        """One that computes each rate from the last."""
        return self.exact(*what, equal="rounded", because=RECURSIVE, **more)

    def whole_rate(self, *what: Any, **more: Any) -> Row:
        """One that computes the rate, not its factor."""
        return self.exact(*what, equal="rounded", because=WHOLE_RATE, **more)

    def refused(self, name: str, because: str, **more: Any) -> Row:
        """One that a spec cannot say."""
        return self.exact(name, equal="refused", because=because, **more)

    def linear_lr(self, base: Arguments, length: str, default: Any) -> list[Row]:
        """`LinearLR`, a rise or a fall; `length` is what it calls its updates."""
        rise = {**base, "start_factor": says.start(1 / 3), length: says.warmup(default)}
        end = says.times_lr("schedule.end_lr", 1.0)
        return [
            self.recursive("LinearLR", "constant", rise, fixed=at_default(end_factor=1.0)),
            self.recursive(
                "LinearLR",
                "polynomial",
                {**base, "end_factor": end, length: says.horizon(default)},
                means={"schedule.power": 1.0},
                fixed={"start_factor": Fixed(1.0, 1 / 3)},
            ),
        ]

    def cosine_annealing(self, base: Arguments, name: str) -> list[Row]:
        """The cosine that repeats, down to 0 or to a lowest rate."""
        cosine = {**base, "T_max": says.period()}
        lowest = {**cosine, "eta_min": says.field("min_lr", 0.0)}
        return [
            self.recursive(name, "cosine", cosine, fixed=at_default(eta_min=0.0), past=CLIMBS),
            self.recursive(name, "cosine_with_min_lr", lowest, past=WAVES),
        ]

    def warm_restarts(self, base: Arguments) -> list[Row]:
        """`CosineAnnealingWarmRestarts`, exact where all its cycles are as the first."""
        name, schedule = "CosineAnnealingWarmRestarts", "cosine_annealing_warm_restarts"
        alike = {**base, "T_0": says.field("first")}
        grown = {"T_mult": says.field("multiplier", 1), "eta_min": says.field("min_lr", 0.0)}
        return [
            self.exact(
                name,
                schedule,
                alike,
                means={"schedule.multiplier": 1, "schedule.min_lr": 0.0},
                fixed=at_default(T_mult=1, eta_min=0.0),
            ),
            self.whole_rate(name, schedule, {**alike, **grown}),
        ]


def dispatched(name: str, called: str, row: Row, **more: Any) -> Row:
    """A row of a function that takes the schedule of `row` by a name of its own."""
    return replace(row, name=name, fixed={"name": Fixed(called)}, drives=False, **more)

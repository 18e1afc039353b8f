"""What every schedule is asked, and what it answers where it has nothing of its own to say.

A schedule is one record: its fields, the formula, where it ends and turns, what it asks of the
base rate and of the counts that a run leaves it. Whoever needs to know something of a schedule asks
the record; nobody else knows it by its name. All is counted in what the schedule counts, updates or
epochs, from where the schedule counts: t = 0, or t = W with warmup counted
`before`, which then has no part in it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from dualtrain.fields import Part, Per
from dualtrain.schedules._floats import Floats

if TYPE_CHECKING:
    from dualtrain.schedules._momentum import CycledMomentum

__all__ = ["Bounds", "Misfit", "ScheduleRecord", "Turn", "Window", "check_size"]

LARGEST_FACTOR = 1e100
"""Of the base rate; float64 holds it, and what is computed with it."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The base rate and the whole numbers that a formula is computed with."""

    lr: float
    """The base rate."""
    warmup: int
    """W, the count at which the schedule takes over from the rise."""
    horizon: int
    """H, the count at which it ends, if it does."""

    @property
    def span(self) -> int:
        """Counts from the end of warmup to the horizon, at least 1."""
        return max(1, self.horizon - self.warmup)


class Turn(NamedTuple):
    """A count from which on a schedule does something else."""

    at: int
    what: str
    final: bool = False
    """Whether it then stays as it is: a run that ends there had all of it."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """What a schedule has to fit into, and how an error speaks of it."""

    warmup: int
    """Counts of warmup that lie inside."""
    horizon: int
    per: str
    """What is counted."""
    share: float | None
    """The warmup's proportion, if it is given so."""
    warmup_field: tuple[str, str]
    """The field that says how long warmup is."""
    longer: str
    """How to make it longer."""


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Why a schedule does not fit."""

    where: tuple[str | int, ...]
    """The field of the spec."""
    rule: str
    cure: str
    received: str


class ScheduleRecord(Part):
    """Base of all schedules."""

    if TYPE_CHECKING:  # each record has them itself, the first and the last of its fields
        name: Any
        """By which a spec chooses it; text."""
        per: Per
        """What it counts."""

    needs_metric: ClassVar[bool] = False
    """Whether a metric decides, so that no plan knows the rates before."""
    moves: ClassVar[bool] = True
    """Whether the rate moves at all after warmup."""
    begins: ClassVar[str] = ""
    """What it does from t = W on, where that is not its name."""
    rises: ClassVar[bool] = False
    """Whether it rises by itself, so that a warmup beside it is refused."""
    below: ClassVar[tuple[str, ...]] = ()
    """Fields that are rates below the base rate; the last is the one that it ends at."""
    awaited: ClassVar[Literal["no", "first", "all"]] = "no"
    """Which of its turns a run should live to see."""
    restarts: ClassVar[bool] = False
    """Whether it begins anew for ever, so that a run which ends within a cycle ends high."""
    with_momentum: ClassVar[bool] = False
    """Whether it has a field `momentum`: torch's class cycles the momentum too."""

    @abstractmethod
    def factors(self, t: Floats, bounds: Bounds) -> Floats:
        """By what the base rate is multiplied at ascending whole t >= W: float64, shape (n,)."""

    def momenta(self, s: Floats, horizon: int) -> Floats | None:
        """The momentum at ascending whole s >= 0; None when it is not cycled."""
        return None

    @property
    def ends(self) -> bool:
        """Whether it ends at the horizon; else it ends before, stays or counts on."""
        return False

    @property
    def reads_horizon(self) -> bool:
        """Whether its rates depend on the horizon."""
        return self.ends

    @property
    def begins_as(self) -> str:
        """What it does from t = W on, in a word or two."""
        return self.begins or str(self.name)

    @property
    def opening(self) -> ScheduleRecord:
        """What a sequence begins with; else itself."""
        return self

    @property
    def closing(self) -> ScheduleRecord:
        """What a sequence ends with; else itself."""
        return self

    @property
    def waves(self) -> float | None:
        """The half-waves of its cosine: its field `half_waves`, if it has one."""
        return getattr(self, "half_waves", None)

    @property
    def descents(self) -> float | None:
        """How many times it falls to 0 from the base rate, where the last need not be whole."""
        return None

    @property
    def cycled(self) -> CycledMomentum | None:
        """How it cycles the momentum: its field `momentum`, if it has one."""
        return getattr(self, "momentum", None)

    def turns(self, *, warmup: int, horizon: int) -> Iterator[Turn]:
        """Where it turns after its begin, in its own counts, ascending; it may never stop.

        warmup, horizon: where its decay begins and ends, in the same counts.
        """
        return iter(())

    def check_rates(self, lr: float, where: str = "") -> None:
        """Refuse rates on the wrong side of the base rate; `where` leads to a phase's schedule.

        Paddle's PolynomialDecay ends at 1e-4 if you let it: with a base rate of 5e-5 it rises.
        """
        for name in self.below:
            rate = getattr(self, name)
            if rate >= lr:
                raise ValueError(
                    f"{where}{name} must be below optimizer.lr. "
                    f"Received: {name} {rate!r}, lr {lr!r}"
                )

    def check_held_out(self, *, has_eval: bool) -> None:
        """Refuse a task whose held-out loss cannot be the metric that decides."""

    def misfit(self, window: Window, where: tuple[str | int, ...] = ("schedule",)) -> Misfit | None:
        """Why it does not fit; `where` is the place that the spec has it at."""
        return None

    def floors(self) -> Iterator[tuple[str, float]]:
        """The fields that name a rate below the base rate, and the rates; that of the end first."""
        return ((name, getattr(self, name)) for name in reversed(self.below))


def check_size(rates: tuple[float, ...], lr: float, where: str) -> None:
    """Refuse rates that are too many times the base rate."""
    if max(rates) / lr > LARGEST_FACTOR:
        raise ValueError(
            f"{where}rates must be at most {LARGEST_FACTOR:.0e} times optimizer.lr. "
            f"Received: {max(rates)!r}, lr {lr!r}"
        )

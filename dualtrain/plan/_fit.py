"""Whether warmup and schedule fit into the counts that a run leaves them."""

from __future__ import annotations

from dataclasses import dataclass

from dualtrain.errors import PlanError
from dualtrain.plan._in_updates import in_updates
from dualtrain.schedules import Room as Inside
from dualtrain.spec import Spec

__all__ = ["Room", "check_fit"]


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a schedule has to fit into, in what it counts: updates, or epochs of `unit` updates."""

    spec: Spec
    warmup: int
    """W."""
    horizon: int
    """H, without a warmup that is counted before it."""
    unit: int

    @property
    def per(self) -> str:
        """What is counted."""
        return self.spec.schedule.per

    @property
    def before(self) -> bool:
        """Whether the schedule begins when warmup ends."""
        return self.spec.warmup is not None and self.spec.warmup.counted == "before"

    @property
    def longer(self) -> str:
        """How to make the room larger."""
        return "a longer horizon" if self.spec.horizon is not None else "a longer duration"

    @property
    def field(self) -> tuple[str, str]:
        """The field that says how long warmup is."""
        warmup = self.spec.warmup
        by_share = warmup is not None and warmup.proportion is not None
        return "warmup", "proportion" if by_share else "steps"


def check_fit(room: Room) -> None:
    """Refuse what has no room.

    Raises `PlanError` with the field, its place, and what to write instead.
    """
    spec = room.spec
    if room.warmup >= room.horizon and not room.before:
        raise _warmup_too_long(room)
    inside = Inside(
        warmup=0 if room.before else room.warmup,
        horizon=room.horizon,
        per=room.per,
        share=None if spec.warmup is None else spec.warmup.proportion,
        warmup_field=room.field,
        longer=room.longer,
    )
    found = spec.schedule.misfit(inside)
    if found is not None:
        problem = spec.problem(
            *found.where, rule=found.rule, cure=found.cure, received=found.received
        )
        raise PlanError(problem)


def _warmup_too_long(room: Room) -> PlanError:
    spec, longest = room.spec, room.horizon - 1
    rule, cure = "must be shorter than the schedule", _shorter(room, longest)
    if room.per == "epoch" and room.field[1] == "steps":
        rule = f"counts epochs, as every count does under per: epoch, and {rule}"
        said = in_updates(spec, room.unit)
        if said is not None and room.warmup < room.horizon * room.unit:
            cure = f"for {room.warmup} updates of warmup {said}"
    received = f"{room.warmup} warmup {room.per}s, horizon {room.horizon}"
    return PlanError(spec.problem(*room.field, rule=rule, received=received, cure=cure))


def _shorter(room: Room, longest: int) -> str:
    """How to get a warmup of at most so many counts."""
    if longest < 1:
        return f"leave warmup out: there is no {room.per} for it"
    warmup = room.spec.warmup
    if warmup is None or warmup.proportion is None:
        return f"write at most {longest}, or {room.longer}"
    if warmup.rounding != "floor" and int(warmup.proportion * room.horizon) <= longest:
        return f"write rounding: floor, or steps: {longest}"
    return f"write a smaller one, or steps: {longest}"

"""Whether warmup and schedule fit into the counts that a run leaves them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dualtrain.errors import PlanError
from dualtrain.plan._in_updates import in_updates
from dualtrain.plan._sequence import stretches
from dualtrain.spec import InverseSqrt, OneCycle, Schedule, Sequential, Spec, WarmupStableDecay

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
    if room.warmup >= room.horizon and not room.before:
        raise _warmup_too_long(room)
    inside = replace(room, warmup=0 if room.before else room.warmup)
    _check_schedule(room.spec.schedule, inside, ("schedule",))


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


def _check_schedule(schedule: Schedule, room: Room, place: tuple[str | int, ...]) -> None:
    """The schedule, or one of its phases, in its own room; `place` is where the spec has it."""
    problem, per, horizon = room.spec.problem, room.per, room.horizon
    match schedule:
        case InverseSqrt(timescale=None) if room.warmup == 0:
            raise PlanError(
                problem(
                    *place,
                    "timescale",
                    rule=f"is needed when the schedule has no warmup {per}s",
                    cure="write one; Hugging Face takes 10000 updates",
                    received=_no_warmup(room),
                )
            )
        case WarmupStableDecay(stable=stable, decay=decay):
            if room.warmup + (stable or 0) + decay > horizon:
                raise PlanError(
                    problem(
                        *place,
                        "decay",
                        rule="warmup, stable and decay must fit into the horizon",
                        cure=_to_fit(horizon - room.warmup, stable, decay),
                        received=f"{room.warmup} + {stable or 0} + {decay}, horizon {horizon}",
                    )
                )
        case OneCycle(rise=rise):
            if rise * horizon <= 1.0:
                raise PlanError(
                    problem(
                        *place,
                        "rise",
                        rule=f"must be longer than one {per}: rise x horizon > 1",
                        cure=f"write more than {1 / horizon:.6g}"
                        if horizon > 1
                        else f"write {room.longer}",
                        received=f"rise {rise}, horizon {horizon}",
                    )
                )
        case Sequential():
            _check_phases(schedule, room)


def _no_warmup(room: Room) -> str:
    share = room.spec.warmup.proportion if room.spec.warmup is not None else None
    return "neither" if not share else f"neither: {share} x {room.horizon} is rounded to 0"


def _to_fit(room: int, stable: int | None, decay: int) -> str:
    if stable and decay <= room:
        return f"write stable: {room - decay}, or leave it out to fill the horizon"
    return f"let {'stable + ' if stable else ''}decay be at most {room}"


def _check_phases(schedule: Sequential, room: Room) -> None:
    spec, per = room.spec, room.per
    for index, part in enumerate(stretches(schedule, warmup=room.warmup, horizon=room.horizon)):
        place = ("schedule", "phases", index)
        if part.length < 1:
            over = part.begin - room.horizon + 1
            raise PlanError(
                spec.problem(
                    "schedule",
                    "phases",
                    rule="must leave room for the last",
                    cure=f"make those before it {over} {per}{'' if over == 1 else 's'} shorter, "
                    f"or write {room.longer}",
                    received=f"{part.begin} {per}s before it, horizon {room.horizon}",
                )
            )
        if part.warmup >= part.length:
            raise PlanError(
                spec.problem(
                    *room.field,
                    rule="must be shorter than the first phase",
                    cure=f"make phases[{index}].updates longer than it",
                    received=f"{part.warmup} warmup {per}s, {part.length} in the phase",
                )
            )
        own = replace(room, warmup=part.warmup, horizon=part.length)
        _check_schedule(part.schedule, own, (*place, "schedule"))

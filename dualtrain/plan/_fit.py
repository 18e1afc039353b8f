"""Whether warmup and schedule fit into the counts that a run leaves them."""

from __future__ import annotations

from dataclasses import dataclass

from dualtrain.errors import PlanError
from dualtrain.schedules import Window
from dualtrain.spec import Counted, Spec

__all__ = ["RunCounts", "check_fit"]


@dataclass(frozen=True, kw_only=True)
class RunCounts:
    """What a schedule has to fit into, in what it counts: updates, or epochs of `unit` updates."""

    spec: Spec
    warmup_updates: int
    """W."""
    horizon: int
    """H, without a warmup that is counted before it."""
    unit: int

    @property
    def per(self) -> str:
        """What is counted."""
        return self.spec.schedule.per

    @property
    def counted(self) -> Counted:
        """How warmup and schedule go together."""
        return "inside" if self.spec.warmup is None else self.spec.warmup.counted

    @property
    def longer(self) -> str:
        """How to make it longer."""
        return "a longer horizon" if self.spec.horizon is not None else "a longer duration"

    @property
    def field(self) -> tuple[str, str]:
        """The field that says how long warmup is."""
        return "warmup", "steps" if self.spec.warmup is None else self.spec.warmup.length


def check_fit(counts: RunCounts) -> None:
    """Refuse what has no counts.

    Raises `PlanError` with the field, its place, and what to write instead.
    """
    spec, counted = counts.spec, counts.counted
    if counts.warmup_updates >= counts.horizon * counts.unit and counted != "before":
        raise _warmup_too_long(counts)
    warmup, rest = divmod(counts.warmup_updates, counts.unit)
    if rest and counted == "inside":
        raise PlanError(
            spec.problem(
                *counts.field,
                rule="counted inside, warmup must be whole epochs, as the schedule counts them",
                cure="write counted: over, so that it takes the place of the schedule's first "
                "updates, or counted: before",
                received=f"{counts.warmup_updates} updates, {counts.unit} an epoch",
            )
        )
    window = Window(
        warmup=warmup if counted == "inside" else 0,
        horizon=counts.horizon,
        per=counts.per,
        share=None if spec.warmup is None else spec.warmup.proportion,
        warmup_field=counts.field,
        longer=counts.longer,
    )
    misfit = spec.schedule.misfit(window)
    if misfit is not None:
        problem = spec.problem(
            *misfit.where, rule=misfit.rule, cure=misfit.cure, received=misfit.received
        )
        raise PlanError(problem)


def _warmup_too_long(counts: RunCounts) -> PlanError:
    spec, unit = counts.spec, counts.unit
    per = "update" if counts.field[1] in ("updates", "epochs") else counts.per
    warmup, horizon = counts.warmup_updates, counts.horizon * unit
    if per == "epoch":
        warmup, horizon = warmup // unit, counts.horizon
    rule, cure = "must be shorter than the schedule", _shorter(counts, per, horizon - 1)
    if counts.per == "epoch" and counts.field[1] == "steps":
        rule = f"counts epochs, as the schedule does, and {rule}"
        if warmup < horizon * unit:
            cure = f"for {warmup} updates of warmup write updates: {warmup}, counted: over"
    received = f"{warmup} warmup {per}s, horizon {horizon}"
    return PlanError(spec.problem(*counts.field, rule=rule, received=received, cure=cure))


def _shorter(counts: RunCounts, per: str, longest: int) -> str:
    """How to get a warmup of at most so many counts."""
    if longest < 1:
        return f"leave warmup out: there is no {per} for it"
    warmup = counts.spec.warmup
    if warmup is None or warmup.proportion is None:
        if counts.field[1] == "epochs":
            return f"write fewer, or {counts.longer}"
        return f"write at most {longest}, or {counts.longer}"
    if warmup.rounding != "floor" and int(warmup.proportion * counts.horizon) <= longest:
        return f"write rounding: floor, or steps: {longest}"
    return f"write a smaller one, or steps: {longest}"

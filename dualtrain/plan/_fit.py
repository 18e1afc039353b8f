"""Whether warmup and schedule fit into the counts that a run leaves them."""

from __future__ import annotations

from dataclasses import dataclass

from dualtrain.errors import PlanError
from dualtrain.plan._in_updates import in_updates
from dualtrain.schedules import Window
from dualtrain.spec import Spec

__all__ = ["RunCounts", "check_fit"]


@dataclass(frozen=True, kw_only=True)
class RunCounts:
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
        """How to make it longer."""
        return "a longer horizon" if self.spec.horizon is not None else "a longer duration"

    @property
    def field(self) -> tuple[str, str]:
        """The field that says how long warmup is."""
        warmup = self.spec.warmup
        by_share = warmup is not None and warmup.proportion is not None
        return "warmup", "proportion" if by_share else "steps"


def check_fit(counts: RunCounts) -> None:
    """Refuse what has no counts.

    Raises `PlanError` with the field, its place, and what to write instead.
    """
    spec = counts.spec
    if counts.warmup >= counts.horizon and not counts.before:
        raise _warmup_too_long(counts)
    window = Window(
        warmup=0 if counts.before else counts.warmup,
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
    spec, longest = counts.spec, counts.horizon - 1
    rule, cure = "must be shorter than the schedule", _shorter(counts, longest)
    if counts.per == "epoch" and counts.field[1] == "steps":
        rule = f"counts epochs, as every count does under per: epoch, and {rule}"
        said = in_updates(spec, counts.unit)
        if said is not None and counts.warmup < counts.horizon * counts.unit:
            cure = f"for {counts.warmup} updates of warmup {said}"
    received = f"{counts.warmup} warmup {counts.per}s, horizon {counts.horizon}"
    return PlanError(spec.problem(*counts.field, rule=rule, received=received, cure=cure))


def _shorter(counts: RunCounts, longest: int) -> str:
    """How to get a warmup of at most so many counts."""
    if longest < 1:
        return f"leave warmup out: there is no {counts.per} for it"
    warmup = counts.spec.warmup
    if warmup is None or warmup.proportion is None:
        return f"write at most {longest}, or {counts.longer}"
    if warmup.rounding != "floor" and int(warmup.proportion * counts.horizon) <= longest:
        return f"write rounding: floor, or steps: {longest}"
    return f"write a smaller one, or steps: {longest}"

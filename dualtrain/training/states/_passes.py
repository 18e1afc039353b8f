"""A pass of the real loop, looked at between its last backward pass and its update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from dualtrain.lockstep import Pass
from dualtrain.state import Arrays, RunState
from dualtrain.training.loop._objective import Objective
from dualtrain.training.loop._update import Made, make_update
from dualtrain.training.run._run import Run

__all__ = ["Group", "Passes", "passing"]


class _Seen:
    """What an update begins with: its gradients, and the running statistics."""

    gradients: Arrays
    statistics: Arrays

    def take(self, run: Run) -> None:
        """As they are now."""
        self.gradients = run.backend.dump_gradients(run.model)
        self.statistics = run.backend.dump_statistics(run.model)

    def passed(self, losses: list[float]) -> Pass:
        """With the losses of its micro-batches."""
        return Pass(gradients=self.gradients, losses=tuple(losses), statistics=self.statistics)


@contextmanager
def passing(run: Run, then: Callable[[], None] | None = None) -> Iterator[_Seen]:
    """A block that makes one update, of which is seen what it begins with.

    then: called once that is seen; what it does the update goes on from, and if it raises there is
    none.
    """
    seen = _Seen()

    def look() -> None:
        seen.take(run)
        if then is not None:
            then()

    run.inspect = look
    try:
        yield seen
    finally:
        run.inspect = None


class Group:
    """The micro-batches of one update."""

    def __init__(self, epoch: int, batches: Mapping[int, Any]) -> None:
        self.epoch, self.batches = epoch, batches
        """By their place in the epoch."""


class Passes:
    """The passes of a run that is led, with what they show."""

    def __init__(self, run: Run, objective: Objective) -> None:
        self.run, self._objective = run, replace(objective, loss_sum=self._heard)
        self._loss_sum = objective.loss_sum
        self._losses: list[Any] = []

    def update(self, group: Group, gradients: Arrays) -> tuple[Pass, Made]:
        """The run's next update, by gradients that take the place of its own; those are seen."""
        self._losses, run = [], self.run
        with passing(run, lambda: run.backend.load_gradients(run.model, gradients)) as seen:
            made = make_update(run, group.epoch, group.batches, self._objective)
        return seen.passed(run.backend.numbers(self._losses)), made

    def alone(self, state: RunState, group: Group) -> Pass:
        """Its gradients, from a state, and no update."""
        self.run.restore(state)
        self._losses = []
        with passing(self.run, _enough) as seen:
            try:
                make_update(self.run, group.epoch, group.batches, self._objective)
            except _Enough:
                self.run.drop_group()
        return seen.passed(self.run.backend.numbers(self._losses))

    def _heard(self, model: Any, tensors: dict[str, Any], batch: Any) -> Any:
        loss = self._loss_sum(model, tensors, batch)
        self._losses.append(loss.detach())
        return loss


class _Enough(Exception):
    """The gradients have been seen."""


def _enough() -> None:
    raise _Enough

"""A pass of the real loop, looked at between its last backward pass and its update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dualtrain.lockstep import Pass
from dualtrain.state import Arrays
from dualtrain.training._run import Run
from dualtrain.training._update import Made

__all__ = ["Seen", "passing"]


class Seen:
    """What an update began with: its gradients, and the running statistics."""

    gradients: Arrays
    statistics: Arrays

    def take(self, run: Run) -> None:
        """As they are now."""
        self.gradients = run.backend.dump_gradients(run.model)
        self.statistics = run.backend.dump_statistics(run.model)

    def passed(self, made: Made, run: Run) -> Pass:
        """With the losses of the update that was made of them."""
        losses = run.backend.numbers([loss.given for loss in made.losses])
        return Pass(gradients=self.gradients, losses=tuple(losses), statistics=self.statistics)


@contextmanager
def passing(run: Run, then: Callable[[], None] | None = None) -> Iterator[Seen]:
    """A block that makes one update, of which is seen what it begins with.

    then: called once that is seen; what it does the update goes on from.
    """
    seen = Seen()

    def look() -> None:
        seen.take(run)
        if then is not None:
            then()

    run.inspect = look
    try:
        yield seen
    finally:
        run.inspect = None

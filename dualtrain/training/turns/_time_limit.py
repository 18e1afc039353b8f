"""The time that a run may take, looked at between two updates."""

from __future__ import annotations

from dualtrain.training.run._run import Run
from dualtrain.training.turns._turn import Turn

__all__ = ["TimeLimit"]


class TimeLimit(Turn):
    """Ends a run once its `time_limit` is over."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def is_due(self) -> bool:
        """By the clock, which goes on over all processes of a run."""
        run = self._run
        if run.plan.spec.duration.time_limit is None:
            return False
        return run.processes.said(run.is_late) and not run.is_over

    def take(self) -> None:
        """End it."""
        self._run.end_late()

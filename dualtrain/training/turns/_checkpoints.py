"""A run's checkpoints: written between two updates, and where it is to stop."""

from __future__ import annotations

from collections.abc import Callable

from dualtrain.checkpoints import Keeper
from dualtrain.training.run._checkpoint import checkpoint_of
from dualtrain.training.run._run import Run
from dualtrain.training.turns._turn import Turn

__all__ = ["Checkpoints", "Stop"]

Stop = Callable[[], BaseException | None]
"""Asked after each update: what it returns is raised once the run's state is written."""


class Checkpoints(Turn):
    """Writes the state of a run by `checkpoint.every`, at its end, and where it is to stop.

    The last of the turns: what another does belongs to the state.
    """

    def __init__(self, run: Run, keeper: Keeper, stop: Stop | None) -> None:
        run.processes.check_state()
        self._run, self._keeper, self._stop = run, keeper, stop
        self._every = run.plan.spec.checkpoint.every
        self._leaving: BaseException | None = None

    def is_due(self) -> bool:
        """By the word, at the end, and when somebody asks."""
        run = self._run
        self._leaving = None if self._stop is None else self._asked(self._stop())
        is_time = self._every.is_due(run.attempts, run.plan.updates_per_epoch)
        return is_time or run.is_over or self._leaving is not None

    def take(self) -> None:
        """Write it; raise what `stop` has given, unless the run is over anyway."""
        run = self._run
        self._keeper.write(checkpoint_of(run), keep=run.plan.spec.checkpoint.keep)
        run.processes.meet()
        if self._leaving is not None and not run.is_over:
            raise self._leaving

    def _asked(self, own: BaseException | None) -> BaseException | None:
        """What the first of several processes is asked, so that all leave after one update."""
        code = own.code if isinstance(own, SystemExit) else 1
        asked = self._run.processes.said(None if own is None else code)
        return None if asked is None else own or SystemExit(asked)

"""A run's checkpoints: written between two updates, and gone on from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from dualtrain.backend import dropping
from dualtrain.checkpoints import Checkpoint, Keeper
from dualtrain.errors import TrainingWarning
from dualtrain.listing import listed
from dualtrain.training._random import random_of, set_random
from dualtrain.training._turn import Turn

if TYPE_CHECKING:
    from dualtrain.training._run import Run

__all__ = ["Checkpoints", "Stop", "checkpoint_of", "go_on"]

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


def checkpoint_of(run: Run) -> Checkpoint:
    """All that the run needs to go on."""
    return Checkpoint(
        state=run.state(),
        spec=run.plan.spec,
        micro_batches=run.plan.micro_batches_per_epoch,
        random=run.drawn_random or random_of(run),
        epoch_random=run.epoch_random,
        seconds=run.seconds,
        data=run.data_digest,
        code=run.code,
        trace=run.mark(),
        versions=run.backend.versions(),
    )


def go_on(run: Run, checkpoint: Checkpoint) -> None:
    """Let a run that has not begun stand where a checkpoint was written.

    A framework of another version may round otherwise, and one whose random state cannot be read
    draws other masks: a warning says so.
    """
    run.restore(checkpoint.state)
    run.epoch_random = checkpoint.epoch_random
    run.seconds_before = checkpoint.seconds
    run.check_time()
    set_random(run, checkpoint.random)
    own, now = checkpoint.versions, run.backend.versions()
    others = [f"{n} {own[n]}, now {v}" for n, v in now.items() if own.get(n, v) != v]
    if others:
        told = "the run goes on in other versions, which may round otherwise: " + "; ".join(others)
        warnings.warn(told, TrainingWarning, stacklevel=2)
    layers = dropping(run.backend.modules(run.model))
    if layers and not run.backend.random_states(run.model):
        framework = " ".join(next(iter(now.items())))
        told = f"a checkpoint of {framework} has no random state, which cannot be read there"
        warnings.warn(
            f"dropout draws anew, in {listed(layers)}: {told}", TrainingWarning, stacklevel=2
        )

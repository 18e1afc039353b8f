"""A run as a checkpoint has it: all that it needs to go on, and going on from that."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from dualtrain.backend import dropping
from dualtrain.checkpoints import Checkpoint
from dualtrain.errors import TrainingWarning
from dualtrain.listing import listed
from dualtrain.training.run._random import random_of, set_random

if TYPE_CHECKING:
    from dualtrain.training.run._run import Run

__all__ = ["checkpoint_of", "go_on"]


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

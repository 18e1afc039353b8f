"""The one loop over micro-batches, for both backends; what else is done with a run observes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from dualtrain.backend import train_as_chosen
from dualtrain.training._epochs import Epochs
from dualtrain.training._journal import Journal
from dualtrain.training._objective import Objective
from dualtrain.training._observer import Observer
from dualtrain.training._run import Run
from dualtrain.training._states import Leader
from dualtrain.training._update import make_update

__all__ = ["make_updates"]


def make_updates(
    run: Run,
    epochs: Epochs,
    objective: Objective,
    observers: Sequence[Observer],
    leader: Leader | None = None,
) -> None:
    """Make all of the plan's updates; observers are told of each, and of each epoch's end.

    leader: leaves the states of some of them.
    """
    train_as_chosen(run.model, run.backend.modules(run.model))
    current: int | None = None
    coming: Iterator[Any] = iter(())
    with Journal(run.backend, observers, run.plan.total_updates) as journal:
        for epoch, group in run.plan.updates():
            batches = {}
            if epoch != current:
                if current is not None:
                    for observer in observers:
                        observer.epoch_ended()
                    batches = {index: next(coming) for index in group if index < 0}
                current, coming = epoch, epochs.of(epoch)
                if not batches:
                    run.begin_epoch()
            batches |= {index: next(coming) for index in group if index >= 0}
            update = partial(make_update, run, epoch, batches, objective)
            made = update() if leader is None else leader.led(update)
            journal.add(made.applied, made.losses, made.digests)

"""The micro-batches of each update, drawn from the place in the data where the run stands."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from dualtrain.training._epochs import Epochs
from dualtrain.training._random import random_of, set_random
from dualtrain.training._run import Run

__all__ = ["drawn", "first_of"]


def drawn(run: Run, epochs: Epochs) -> Iterator[tuple[int, dict[int, Any]]]:
    """(epoch, micro-batches by their place, as `Plan.group` has it) of each update that is left.

    A run that goes on from a state passes over what it has used of its epoch. A loader that
    shuffles gives the same epoch again: it draws from the random state that the epoch began with.
    """
    current, coming = _begun(run, epochs)
    for epoch, group in islice(run.plan.updates(), run.attempts, None):
        batches = {}
        if epoch != current:
            if current is not None:
                batches = {index: next(coming) for index in group if index < 0}
            if not epochs.has_begun(epoch):
                run.epoch_random = random_of(run)
            current, coming = epoch, epochs.of(epoch)
            if not batches:
                run.begin_epoch()
        yield epoch, batches | {index: next(coming) for index in group if index >= 0}


def first_of(run: Run, epochs: Epochs) -> Any:
    """The first micro-batch of all, looked at before its epoch is drawn; it draws no other then."""
    run.epoch_random = random_of(run)
    return epochs.first()


def _begun(run: Run, epochs: Epochs) -> tuple[int | None, Iterator[Any]]:
    """The epoch that the run is in, and what is left of its micro-batches."""
    if run.micro_batch == 0:
        return (run.epoch - 1 if run.attempts else None), iter(())
    now = random_of(run)
    set_random(run, run.epoch_random)
    coming = epochs.of(run.epoch)
    for _ in range(run.micro_batch):
        next(coming)
    set_random(run, now)
    return run.epoch, coming

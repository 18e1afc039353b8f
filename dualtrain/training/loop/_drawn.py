"""The micro-batches of each update, drawn from the place in the data where the run stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np

from dualtrain.training.loop._epochs import Epochs
from dualtrain.training.run._random import random_of, set_random
from dualtrain.training.run._run import Run

__all__ = ["drawn", "first_of"]


def drawn(run: Run, epochs: Epochs) -> Iterator[tuple[int, dict[int, Any]]]:
    """(epoch, micro-batches by their place, as `Plan.group` has it) of each update that is left.

    A run that goes on from a state passes over what it has used of its epoch. A loader that
    shuffles gives the same epoch again: it draws from the random state that the epoch began with.
    """
    drawing = _Drawing(run)
    with drawing.block():
        current, coming = _begun(run, epochs)
    for epoch, group in islice(run.plan.updates(), run.attempts, None):
        batches = {}
        with drawing.block():
            if epoch != current:
                if current is not None:
                    batches = {index: next(coming) for index in group if index < 0}
                if not epochs.has_begun(epoch):
                    run.epoch_random = random_of(run)
                current, coming = epoch, epochs.of(epoch)
                if not batches:
                    run.begin_epoch()
            batches |= {index: next(coming) for index in group if index >= 0}
        yield epoch, batches


class _Drawing:
    """What micro-batches are drawn by: the same random numbers in each process.

    Dropout is not: each process but the first is seeded anew for it. One process alone has one
    stream of random numbers for both.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._states = random_of(run) if run.processes.are_several else None
        rank = run.processes.world.rank
        if rank:
            words = np.random.SeedSequence([run.plan.spec.seed, rank, run.attempts])
            run.backend.seed_everything(int(words.generate_state(1)[0]))

    @contextmanager
    def block(self) -> Iterator[None]:
        """A block that draws."""
        if self._states is None:
            yield
            return
        own = random_of(self._run)
        set_random(self._run, self._states)
        yield
        self._states = self._run.drawn_random = random_of(self._run)
        set_random(self._run, own)


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
    if not run.processes.are_several:  # there the stream is of micro-batches alone
        set_random(run, now)
    return run.epoch, coming

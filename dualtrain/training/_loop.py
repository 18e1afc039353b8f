"""The one loop over micro-batches, for both backends; what else is done with a run observes it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dualtrain.backend import train_as_chosen
from dualtrain.training._drawn import drawn
from dualtrain.training._epochs import Epochs
from dualtrain.training._journal import Journal
from dualtrain.training._objective import Objective
from dualtrain.training._observer import Observer
from dualtrain.training._run import Run
from dualtrain.training._states import Leader
from dualtrain.training._turn import Turn
from dualtrain.training._update import make_update

__all__ = ["make_updates"]


def make_updates(
    run: Run,
    epochs: Epochs,
    objective: Objective,
    observers: Sequence[Observer],
    leader: Leader | None = None,
    turns: Sequence[Turn] = (),
) -> None:
    """Make the plan's updates that are left, until the run is over; observers are told of each.

    leader: leaves the states of some of them. turns: what is done between two.
    """
    train_as_chosen(run.model, run.backend.modules(run.model))
    run.ending = run.processes.said(run.ending)
    if run.is_over:  # it goes on from its end
        return
    with Journal(run.backend, observers, run.plan.total_updates) as journal:
        for epoch, batches in drawn(run, epochs):
            update = partial(make_update, run, epoch, batches, objective)
            made = update() if leader is None else leader.led(update)
            journal.add(made.applied, made.losses, made.digests)
            run.ending = run.processes.said(run.ending)
            for turn in turns:
                if turn.is_due():
                    journal.read()
                    turn.take()
                    run.processes.meet()
            run.ending = run.processes.said(run.ending)
            if run.is_over:
                break

"""The one loop over micro-batches, for both backends; what else is done with a run observes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from dualtrain.backend import train_as_chosen
from dualtrain.training.loop._drawn import drawn
from dualtrain.training.loop._epochs import Epochs
from dualtrain.training.loop._objective import Objective
from dualtrain.training.loop._update import Made, make_update
from dualtrain.training.run._journal import Journal
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._run import Run
from dualtrain.training.turns._turn import Turn

__all__ = ["Leads", "make_updates"]

Leads = Callable[[Callable[[], Made]], Made]
"""Makes the update that it is given, and may look at the run before and after."""


def make_updates(
    run: Run,
    epochs: Epochs,
    objective: Objective,
    observers: Sequence[Observer],
    leads: Leads | None = None,
    turns: Sequence[Turn] = (),
) -> None:
    """Make the plan's updates that are left, until the run is over; observers are told of each.

    leads: leaves the states of some of them. turns: what is done between two.
    """
    train_as_chosen(run.model, run.backend.modules(run.model))
    run.ending = run.processes.said(run.ending)
    if run.is_over:  # it goes on from its end
        return
    with Journal(run.backend, observers, run.plan.total_updates) as journal:
        for epoch, batches in drawn(run, epochs):
            update = partial(make_update, run, epoch, batches, objective)
            made = update() if leads is None else leads(update)
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

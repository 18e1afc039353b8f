"""Training a model of the user's on batches of the user's: the loop, with a start and an end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dualtrain.spec import Spec
from dualtrain.trace import Update
from dualtrain.training.checks._outputs import check_outputs
from dualtrain.training.loop._batch import micro_batch
from dualtrain.training.loop._drawn import first_of
from dualtrain.training.loop._epochs import Batches, Epochs
from dualtrain.training.loop._loop import make_updates
from dualtrain.training.loop._objective import LossSum, objective_of
from dualtrain.training.loop._update import at
from dualtrain.training.observers._callbacks import Callback
from dualtrain.training.observers._probe import probe
from dualtrain.training.observers._recorder import recorded
from dualtrain.training.processes import check_same_run, device_of, joined
from dualtrain.training.run._header import describe
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._random import share_random
from dualtrain.training.sides._start import backend_for, begin
from dualtrain.training.states._leader import check_states, leading
from dualtrain.training.turns._checkpoints import Stop
from dualtrain.training.turns._evaluations import Evaluate, Evaluations, check_evaluate, scoring_of
from dualtrain.training.turns._kept import kept_in
from dualtrain.training.turns._plateau import Metric, PlateauMetric, check_metric
from dualtrain.training.turns._turn import Turn
from dualtrain.world import Shard, World

__all__ = ["fit"]


def fit(
    spec: Spec,
    model: Any,
    batches: Batches,
    *,
    backend: str | None = None,
    loss: LossSum | None = None,
    metric: Metric | None = None,
    evaluate: Evaluate | None = None,
    trace: Path | str | None = None,
    output: Path | str | None = None,
    states: Path | str | None = None,
    every: int = 1,
    shard: Shard = "none",
    checkpoints: Path | str | None = None,
    resume: bool = False,
    allow_spec_change: bool = False,
    stop: Stop | None = None,
    callbacks: Sequence[Callback] = (),
) -> tuple[Update, ...]:
    """Train a model of yours, a torch or a Paddle one, as the spec says.

    The model goes into training mode, but for parts of it that are in evaluation mode while it is
    not: a warning names them. It returns logits, a tuple that starts with them, or an object or
    dict that has them as `logits`. What else of the model counts: docs/model.md. `spec.seed` seeds
    the framework's random numbers, dropout's above all.

    batches: each epoch's micro-batches, the same number in every epoch: a list, a DataLoader of
        either framework, any sized iterable, iterated anew for each epoch; or a function of the
        epoch that gives one. A micro-batch is a mapping from the model's inputs to numpy arrays or
        tensors, with `labels` among them, or a tuple (input, ..., labels).
    backend: follows from the type of the model when absent.
    loss: when absent, the cross-entropy of the logits against `labels`, as `spec.loss` says. One of
        your own gives the sum over the counted targets: a mean cannot be told from it. The loss
        that a model computes itself is never taken: nobody but you knows over what it is a mean.
    metric: for the schedule reduce_on_plateau, and only for it; called with the model at the end
        of each epoch that another one follows, with `spec.ema` with the averages in it, and with
        `spec.amp` inside `run.autocast()`, as the forward passes of training are.
    evaluate: returns metrics of the model by name, as `{"loss": 0.3, "f1": 0.8}`; called when
        `spec.evaluation` says so and at the end, in evaluation mode, without gradients, with
        `spec.ema` with the averages in the model. `early_stopping` and `best` go by them.
    trace: file for the trace; the gradient norms are measured too then.
    output: folder for the final weights, with `spec.ema` for their averages and with `trace` for
        the initial weights too, all under canonical names; `dualtrain diff` compares them.
    states: folder for the state before and after each judged update, and its gradients, from which
        another framework, or this one, can follow.
    every: how many updates from one judged to the next; the first and the last are.
    shard: what several processes split between them: `none`, the optimizer's state or `full`.
    checkpoints: folder for the run's whole state, written when `spec.checkpoint` says so and at the
        end; `run` is its one run.
    resume: go on from the newest checkpoint there, of either framework, if there is one: give the
        rest as it was. The trace goes on, too. The updates of this call are returned.
    allow_spec_change: go on by another spec; else each field that differs is named and refused,
        but for `checkpoint`, `device` and `duration.time_limit`.
    stop: asked after each update; an exception that it returns is raised once a checkpoint is
        written, which leaves the run where `resume` goes on.
    callbacks: yours, and loggers (`dualtrain.loggers`), told of updates and scores as it goes.

    Under torchrun or Paddle's launcher every process is given all of the micro-batches, takes its
    rows of each, and returns the same updates; the first writes all files: docs/distributed.md.

    Warns (`TrainingWarning`) of the first update whose loss is no finite number, and of a run whose
    every update was skipped.

    >>> dualtrain.fit(spec, model, [{"x": x, "labels": y}])[0].lr  # warmup starts at exactly 0
    0.0
    """
    check_metric(spec, metric)
    check_evaluate(spec, evaluate)
    world, verbs = World.of(os.environ), backend_for(model, backend)
    if world.leads:
        check_outputs(trace, output)
        check_states(spec, states, every, output=output)
    device = verbs.open_device(device_of(spec, world))
    with ExitStack() as opened:
        kept = opened.enter_context(
            kept_in(
                checkpoints,
                spec,
                resume=resume,
                allow_spec_change=allow_spec_change,
                world=world,
                stop=stop,
                trace=trace,
                output=output,
                states=states,
            )
        )
        processes = opened.enter_context(joined(verbs, device, world=world, shard=shard))
        check_same_run(processes, spec)
        kept = kept.shared(processes)
        share_random(processes, model)
        epochs = Epochs(batches)
        run = begin(
            spec,
            model,
            epochs.count,
            backend=backend,
            measure=kept.trace is not None,
            processes=processes,
        )
        opened.enter_context(run)
        run.generators = epochs.generators
        share_random(processes, model, run.generators)
        trace, collector, header = kept.trace, _Collector(), None
        objective = objective_of(run, loss)  # before anything is written
        if kept.resumed is not None:
            header = kept.stand(run)
        elif trace is not None:
            with at(run, 0, 0):
                first = micro_batch(first_of(run, epochs), run.model)
                objective.targets(first)  # refuses labels that are none
            # A loss of the user's own may take more than logits: no probe then.
            header = describe(run, probe=None if loss else probe(run, first))
        observers = opened.enter_context(
            recorded(run, header, collector, kept=kept, output=output, callbacks=callbacks)
        )
        with leading(run, states, every) as leads:
            turns: list[Turn] = [] if metric is None else [PlateauMetric(run, metric)]
            evaluations = None
            if evaluate is not None:
                evaluations = Evaluations(run, scoring_of(run, evaluate), observers)
                turns.append(evaluations)
            turns += kept.turns(run)
            make_updates(run, epochs, objective, observers, leads, turns)
            if evaluations is not None:
                evaluations.last()
    return tuple(collector.updates)


class _Collector(Observer):
    """Keeps the updates, for the caller."""

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def updated(self, update: Update, total: int) -> None:
        self.updates.append(update)

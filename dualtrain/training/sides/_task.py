"""One side of a task, start to end: data, model, initial weights, the loop, evaluation, files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from dualtrain.backend import load_backend
from dualtrain.data import PreparedData
from dualtrain.ledger import Ledger, decide
from dualtrain.spec import Spec
from dualtrain.tasks import Score
from dualtrain.training.checks._before import model_config, task_of
from dualtrain.training.checks._outputs import check_outputs, inputs_of
from dualtrain.training.loop._drawn import first_of
from dualtrain.training.loop._loop import make_updates
from dualtrain.training.loop._objective import LossSum
from dualtrain.training.observers._callbacks import Callback
from dualtrain.training.observers._probe import evaluation_logits, first_rows
from dualtrain.training.observers._recorder import recorded
from dualtrain.training.processes import check_same_run, joined
from dualtrain.training.run._header import describe
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._run import Run
from dualtrain.training.sides._saved import TASK
from dualtrain.training.sides._task_side import TaskSide, begin_task
from dualtrain.training.states._leader import check_states, leading
from dualtrain.training.turns._checkpoints import Stop
from dualtrain.training.turns._evaluations import Evaluations
from dualtrain.training.turns._kept import kept_in
from dualtrain.training.turns._plateau import Metric, PlateauMetric, check_metric
from dualtrain.training.turns._turn import Turn
from dualtrain.world import Shard, World

__all__ = ["task_ledger", "train"]


def train(
    spec: Spec,
    backend: str,
    *,
    model: Any = None,
    loss: LossSum | None = None,
    metric: Metric | None = None,
    data: PreparedData[Any] | None = None,
    trace: Path | None = None,
    output: Path | None = None,
    states: Path | None = None,
    every: int = 1,
    nudge: int = 0,
    without_randomness: bool = False,
    observer: Observer | None = None,
    shard: Shard = "none",
    checkpoints: Path | None = None,
    resume: bool = False,
    allow_spec_change: bool = False,
    stop: Stop | None = None,
    callbacks: Sequence[Callback] = (),
) -> Score | None:
    """Train the spec's task with one backend; its score, or None without an `eval` file.

    model: one of yours, of this backend, with the weights that it has, in place of the task's; it
        is given the task's micro-batches, by the names that its `forward` takes.
    loss: one of yours in place of the task's, the sum over the counted targets as for `fit`; the
        score stays the task's.
    metric: one of yours for the schedule reduce_on_plateau, in place of the held-out loss.
    data: the prepared data, when that has been done already.
    trace: file for the trace; the gradient norms are measured too then.
    output: folder for the trained model, with all that the task says a model consists of, of a
        model of yours the weights alone; with `spec.ema` the averages too, as `ema.safetensors`,
        and with `trace` the initial weights, so that the trace can be compared by how far training
        moved the weights. The score is that of the averages.
    states: folder for the states of the run, `every`: of which updates, as for `fit`.
    callbacks: as for `fit`.
    nudge: move every weight by 1 ULP before training, to measure the chaos floor; which go up and
        which down follows from this number. 0: do not.
    without_randomness: train with nothing random, as a parity run does: masks cannot match across
        frameworks. The model that is saved keeps its dropout.
    shard: what several processes split between them: `none`, the optimizer's state or `full`.
    checkpoints, resume, allow_spec_change, stop: as for `fit`; the task's data must be what they
        were, too.

    Under torchrun or Paddle's launcher each process trains on its rows of every micro-batch, and
    the first one writes all files: docs/distributed.md.
    """
    world = World.of(os.environ)
    if not world.leads:
        observer = None
    if metric is not None:
        check_metric(spec, metric)
    if world.leads:
        names = (*task_of(spec).files, TASK)
        check_outputs(trace, output, inputs=inputs_of(spec), files=names)
        check_states(spec, states, every, output=output, inputs=inputs_of(spec))
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
        side = begin_task(
            spec,
            backend,
            own_model=model,
            data=data,
            nudge=nudge,
            without_randomness=without_randomness,
            world=world,
        )
        given: dict[str, Any] = {"backend": side.backend, "device": side.device}
        opened.enter_context(task_of(spec).running(side.data))
        processes = opened.enter_context(joined(**given, world=world, shard=shard))
        check_same_run(processes, spec, side.data.digest)
        code = dict(side.data.code)
        processes.check_alike("the task's code", code, "give each machine the same files")
        kept = kept.shared(processes)
        start, measure = side.start, kept.trace is not None
        given |= {"measure": measure, "processes": processes}
        run = opened.enter_context(Run(start.plan, start.model, **given))
        run.data_digest, run.generators = side.data.digest, side.epochs.generators
        run.code = code
        objective = side.objective(run, loss)
        if metric is None and spec.schedule.needs_metric:
            metric = _held_out_loss(side, run)
        header = None
        if observer is not None:
            observer.notes([*start.notes, *kept.notes])
        if kept.resumed is not None:
            header = kept.stand(run)
        elif measure:
            logits = evaluation_logits(run, first_of(run, side.epochs))
            if logits.ndim > 2:  # of a sequence: tokens
                logits = first_rows(logits)
            notes = [*start.notes, *start.trace_notes]
            header = describe(run, probe=logits, data_digest=side.data.digest, notes=notes)
        files: dict[str, Any] = {"output": output, "save": start.save, "callbacks": callbacks}
        observers = opened.enter_context(recorded(run, header, observer, kept=kept, **files))
        evaluations = Evaluations(run, partial(side.score, run), observers)
        turns: list[Turn] = [evaluations, *kept.turns(run)]
        if metric is not None:
            turns = [PlateauMetric(run, metric), *turns]
        with leading(run, states, every) as leads:
            make_updates(run, side.epochs, objective, observers, leads, turns)
        return evaluations.last()


def task_ledger(spec: Spec, backend: str) -> Ledger:
    """What the spec's rules decide for every parameter of the task's model."""
    task = task_of(spec)
    model_config(spec)  # refused before a tokenizer learns as many tokens as the spec allows
    verbs = load_backend(backend)
    model = verbs.build_model(model_config(spec, task.prepare(spec.folder)))
    return decide(verbs.parameters(model), spec)


def _held_out_loss(side: TaskSide, run: Run) -> Metric:
    """The metric of a task for a schedule that waits for one."""

    def loss(model: Any) -> float:
        score = side.score(run)
        assert score is not None, "a spec with reduce_on_plateau has an eval file"
        assert score.loss is not None, "a task's score has a loss"
        return score.loss

    return loss

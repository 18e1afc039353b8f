"""One side of a task, start to end: data, model, initial weights, the loop, evaluation, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dualtrain.backend import Backend, load_backend, logits_of
from dualtrain.data import EpochBatches, PreparedData, batches_of_epoch, held_out_batches
from dualtrain.ledger import Ledger, decide
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.tasks import SampleLoss, Score, Task
from dualtrain.training._before import batch_size, check_before, model_config, task_of
from dualtrain.training._epochs import Epochs
from dualtrain.training._header import describe
from dualtrain.training._loop import make_updates
from dualtrain.training._nudge import nudge as move_weights
from dualtrain.training._objective import LossSum, Objective, objective_of
from dualtrain.training._observer import Observer
from dualtrain.training._outputs import check_outputs, inputs_of
from dualtrain.training._plateau import Metric, PlateauMetric, check_metric
from dualtrain.training._probe import evaluation_logits
from dualtrain.training._recorder import Save, recorded
from dualtrain.training._run import Run
from dualtrain.training._start import backend_for

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
    nudge: int = 0,
    without_randomness: bool = False,
    observer: Observer | None = None,
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
    nudge: move every weight by 1 ULP before training, to measure the chaos floor; which go up and
        which down follows from this number. 0: do not.
    without_randomness: train with nothing random, as a parity run does: masks cannot match across
        frameworks. The model that is saved keeps its dropout.
    """
    written, size = task_of(spec), batch_size(spec)
    task = written.without_randomness() if without_randomness else written
    spec = spec.model_copy(update={"task": task})
    if metric is not None:
        check_metric(spec, metric)
    check_outputs(trace, output, inputs=inputs_of(spec), files=task.files)
    if data is None:  # else whoever prepared it has done so
        check_before(spec, own_model=model is not None)
    verbs = load_backend(backend) if model is None else backend_for(model, backend)
    device = verbs.open_device(spec.device)  # before any work: a missing device stops here
    verbs.check_amp(spec.amp, device)
    data = data if data is not None else task.prepare(spec.folder)
    batches = batches_of_epoch(data, seed=spec.seed, size=size)
    epochs = Epochs(batches)
    start = _start(spec, written, verbs, data, own_model=model, micro_batches=epochs.count)
    if nudge:
        move_weights(start.model, verbs, spec, seed=nudge)
    model, measure = verbs.place(start.model, device), trace is not None
    run = Run(start.plan, model, backend=verbs, device=device, measure=measure)
    objective = _objective(run, task.loss, loss)
    held_out = held_out_batches(data, size=size)
    if metric is None and spec.schedule.needs_metric:
        metric = _held_out_loss(run, data, held_out)
    plateau = None if metric is None else PlateauMetric(run, metric)
    header = None
    with run:
        if observer is not None:
            observer.notes(start.notes)
        if trace is not None:
            logits = evaluation_logits(run, batches(0)[0])
            notes = [*start.notes, *start.trace_notes]
            header = describe(run, probe=logits, data_digest=data.digest, notes=notes)
        files: dict[str, Any] = {"trace": trace, "output": output, "save": start.save}
        with recorded(run, header, plateau, observer, **files) as observers:
            make_updates(run, epochs, objective, observers)
            with run.averaged():
                score = None if held_out is None else _score(run, data, held_out)
            if score is not None:
                for one in observers:
                    one.evaluated(score)
    return score


@dataclass(frozen=True, kw_only=True)
class _Start:
    """A model with its initial weights, the plan for it, and what is told and saved of it."""

    model: Any
    plan: Plan
    notes: Sequence[str] = ()
    """What a user must know of what the model starts from."""
    trace_notes: Sequence[str] = ()
    """What a trace's numbers do not show."""
    save: Save | None = None


def _start(
    spec: Spec,
    written: Task,
    verbs: Backend,
    data: PreparedData[Any],
    *,
    own_model: Any,
    micro_batches: int,
) -> _Start:
    """The caller's own model as it is, else the task's.

    written: the task as the spec words it, which is what is saved; that of `spec` is trained.
    """
    if own_model is not None:
        parameters = verbs.parameters(own_model)
        plan = Plan.of(spec, micro_batches_per_epoch=micro_batches, parameters=parameters)
        return _Start(model=own_model, plan=plan)
    task, folder = task_of(spec), spec.folder
    config = model_config(spec, data)
    model = verbs.build_model(config)
    parameters = verbs.parameters(model)
    # Before the weights, which take longest: refused at once, or not.
    plan = Plan.of(spec, micro_batches_per_epoch=micro_batches, parameters=parameters)
    weights = task.initial_weights(folder, config, parameters, seed=spec.seed)
    verbs.load_weights(model, weights)
    return _Start(
        model=model,
        plan=plan,
        notes=task.start_notes(folder, config, parameters, data),
        trace_notes=task.notes(config),
        save=partial(written.save, config=written.config(folder, data), data=data),
    )


def task_ledger(spec: Spec, backend: str) -> Ledger:
    """What the spec's rules decide for every parameter of the task's model."""
    task = task_of(spec)
    model_config(spec)  # refused before a tokenizer learns as many tokens as the spec allows
    verbs = load_backend(backend)
    model = verbs.build_model(model_config(spec, task.prepare(spec.folder)))
    return decide(verbs.parameters(model), spec)


def _objective(run: Run, loss: SampleLoss | None, own: LossSum | None) -> Objective:
    """The caller's own loss, else the task's, else the cross-entropy that the spec words."""
    if loss is None:
        return objective_of(run, own)
    if own is not None:
        return Objective(objective_of(run, own).loss_sum, loss.count)

    def loss_sum(model: Any, tensors: dict[str, Any], batch: Any) -> Any:
        labels = tensors.pop("labels")
        return loss.total(logits_of(model, tensors), labels)

    return Objective(loss_sum, loss.count)


def _held_out_loss(run: Run, data: PreparedData[Any], batches: EpochBatches | None) -> Metric:
    """The metric of a task for a schedule that waits for one."""
    assert batches is not None, "a spec with reduce_on_plateau has an eval file"
    return lambda model: _score(run, data, batches).loss


def _score(run: Run, data: PreparedData[Any], batches: EpochBatches) -> Score:
    """How the model does on the held-out split."""
    outputs = ((evaluation_logits(run, batch), batch) for batch in batches)
    return task_of(run.plan.spec).score(outputs, data)

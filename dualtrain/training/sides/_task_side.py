"""A side of a task before its first update: data, model, initial weights, and what they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dualtrain.backend import Backend, load_backend, logits_of
from dualtrain.data import EpochBatches, PreparedData, batches_of_epoch, held_out_batches
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.tasks import Score, Task
from dualtrain.training.checks._before import batch_size, check_before, model_config, task_of
from dualtrain.training.loop._epochs import Epochs
from dualtrain.training.loop._objective import LossSum, Objective, count_entries, objective_of
from dualtrain.training.observers._probe import evaluation_logits
from dualtrain.training.observers._recorder import Save
from dualtrain.training.processes import device_of
from dualtrain.training.run._run import Run
from dualtrain.training.sides._nudge import nudge as move_weights
from dualtrain.training.sides._saved import with_task
from dualtrain.training.sides._start import backend_for
from dualtrain.world import ALONE, World

__all__ = ["Start", "TaskSide", "begin_task"]


@dataclass(frozen=True, kw_only=True)
class Start:
    """A model with its initial weights, the plan for it, and what is told and saved of it."""

    model: Any
    plan: Plan
    notes: Sequence[str] = ()
    """What a user must know of what the model starts from."""
    trace_notes: Sequence[str] = ()
    """What a trace's numbers do not show."""
    save: Save | None = None


@dataclass(frozen=True, kw_only=True)
class TaskSide:
    """All that a run of a task needs, and what is told and saved of it."""

    spec: Spec
    """Of what is trained, without its randomness if that is meant."""
    backend: Backend
    device: Any
    data: PreparedData[Any]
    epochs: Epochs
    held_out: EpochBatches | None
    start: Start

    def objective(self, run: Run, own: LossSum | None) -> Objective:
        """The caller's own loss, else the task's, else the cross-entropy that the spec words."""
        loss = task_of(self.spec).own_loss(self.spec.folder, self.data)
        if loss is None:
            return objective_of(run, own)
        if own is not None:
            return Objective(objective_of(run, own).loss_sum, loss.count or count_entries)

        def loss_sum(model: Any, tensors: dict[str, Any], batch: Any) -> Any:
            labels = tensors.pop("labels")
            return loss.total(logits_of(model, tensors), labels)

        return Objective(loss_sum, loss.count or count_entries)

    def score(self, run: Run) -> Score | None:
        """How the model does on the held-out split, if there is one."""
        if self.held_out is None:
            return None
        outputs = ((evaluation_logits(run, batch), batch) for batch in self.held_out)
        return task_of(self.spec).score(outputs, self.data)


def begin_task(
    spec: Spec,
    backend: str,
    *,
    own_model: Any,
    data: PreparedData[Any] | None,
    nudge: int = 0,
    without_randomness: bool = False,
    world: World = ALONE,
) -> TaskSide:
    """One side of the spec's task; the arguments are those of `train`."""
    written, size = task_of(spec), batch_size(spec)
    task = written.without_randomness() if without_randomness else written
    spec = spec.model_copy(update={"task": task})
    if data is None:  # else whoever prepared it has done so
        check_before(spec, own_model=own_model is not None)
    verbs = load_backend(backend) if own_model is None else backend_for(own_model, backend)
    device = verbs.open_device(device_of(spec, world))  # before any work: one may be missing
    verbs.check_amp(spec.amp, device)
    data = data if data is not None else task.prepare(spec.folder)
    epochs = Epochs(batches_of_epoch(data, seed=spec.seed, size=size))
    sizes = {"micro_batches_per_epoch": epochs.count, "world_size": world.size}
    start = _start(spec, written, verbs, data, own_model=own_model, sizes=sizes)
    if nudge:
        move_weights(start.model, verbs, spec, seed=nudge)
    return TaskSide(
        spec=spec,
        backend=verbs,
        device=device,
        data=data,
        epochs=epochs,
        held_out=held_out_batches(data, size=size),
        start=replace(start, model=verbs.place(start.model, device)),
    )


def _start(
    spec: Spec,
    written: Task,
    verbs: Backend,
    data: PreparedData[Any],
    *,
    own_model: Any,
    sizes: Mapping[str, int],
) -> Start:
    """The caller's own model as it is, else the task's.

    written: the task as the spec words it, which is what is saved; that of `spec` is trained.
    """
    if own_model is not None:
        parameters = verbs.parameters(own_model)
        plan = Plan.of(spec, **sizes, parameters=parameters)
        return Start(model=own_model, plan=plan)
    task, folder = task_of(spec), spec.folder
    config = model_config(spec, data)
    model = verbs.build_model(config)
    parameters = verbs.parameters(model)
    # Before the weights, which take longest: refused at once, or not.
    plan = Plan.of(spec, **sizes, parameters=parameters)
    weights = task.initial_weights(folder, config, parameters, seed=spec.seed)
    verbs.load_weights(model, {**verbs.dump_statistics(model), **weights})
    return Start(
        model=model,
        plan=plan,
        notes=task.start_notes(folder, config, parameters, data),
        trace_notes=task.notes(config),
        save=with_task(
            partial(written.save, config=written.config(folder, data), data=data),
            spec.model_copy(update={"task": written}),
            verbs.NAME,
        ),
    )

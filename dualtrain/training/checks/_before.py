"""What every side would refuse, refused at once: by one process, and without a framework."""

from __future__ import annotations

from typing import Any

from dualtrain.data import PreparedData, batch_count
from dualtrain.errors import Problem, SpecError
from dualtrain.ledger import Ledger, Parameter, decide
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.tasks import ModelConfig, Task
from dualtrain.training.checks._memory import check_memory

__all__ = [
    "batch_size",
    "check_before",
    "expected_ledger",
    "model_config",
    "parameters_of",
    "task_of",
]


def task_of(spec: Spec) -> Task:
    """The spec's task. Raises `SpecError` if it has none."""
    if spec.task is None:
        rule = "is needed to train from a spec alone"
        raise SpecError((Problem(where="task", rule=rule, received="nothing"),))
    return spec.task


def batch_size(spec: Spec) -> int:
    """Samples per micro-batch of a spec with a task."""
    assert spec.batch.size is not None, "a task has batch.size"
    return spec.batch.size


def check_before(spec: Spec, *, own_model: bool = False) -> Plan:
    """Refuse what no side of the spec's task could begin, in the order of what it costs to know.

    A model that no memory holds; the rules about parameters, on the names that it has; the plan, on
    the rows of the data; a checkpoint's weights, on its configuration. Rules by substring are left
    to the sides, which call their parameters by names of their own; so are device, mixed precision
    and whatever else only a framework knows.

    own_model: the model is the caller's; nothing is asked of the task's.

    Returns the plan, as it is known without the model.
    Raises `SpecError`, `LedgerError`, `DataError`, `PlanError` or `CheckpointError`.
    """
    task = task_of(spec)
    if not own_model and model_config(spec).is_known:
        expected_ledger(_without_substrings(spec))
    rows = task.read(spec.folder)
    plan = Plan.of(spec, micro_batches_per_epoch=batch_count(len(rows), batch_size(spec)))
    if not own_model:
        task.check_start(spec.folder, rows)
    return plan


def expected_ledger(spec: Spec) -> Ledger:
    """What the spec's rules decide for the task's model, under its canonical names."""
    return decide(parameters_of(model_config(spec)), spec)


def model_config(spec: Spec, data: PreparedData[Any] | None = None) -> ModelConfig:
    """What the task's model is built from; `SpecError` for one that this machine cannot hold."""
    config = task_of(spec).config(spec.folder, data)
    check_memory(config, spec)
    return config


def parameters_of(config: ModelConfig) -> list[Parameter]:
    """What the model of a configuration will have, without a framework; all of it trainable.

    `structured` and `native` are the canonical names, which is what torch calls them.
    """
    return [
        Parameter(name=name, structured=name, native=name, shape=shape, kind=kind, trainable=True)
        for name, shape, kind in config.tensors()
    ]


def _without_substrings(spec: Spec) -> Spec:
    if spec.weight_decay is None:
        return spec
    decay = spec.weight_decay.model_copy(update={"exclude_substrings": ()})
    return spec.model_copy(update={"weight_decay": decay})

"""What every side would refuse, refused at once: by one process, and without a framework."""

from __future__ import annotations

from dataclasses import replace

from dualtrain.data import batch_count, read_splits
from dualtrain.ledger import decide
from dualtrain.model import (
    ModelConfig,
    class_order,
    fresh_config,
    parameters_of,
    read_checkpoint_config,
    read_weights,
)
from dualtrain.spec import CheckpointModel, Spec, TextClassification

__all__ = ["check_before", "expected_model"]


def check_before(spec: Spec, task: TextClassification) -> None:
    """Refuse what no side of the spec's task could begin, in the order of what it costs to know.

    The rules about parameters, on the names that the family has; the plan, on the rows of the
    data; a checkpoint's weights, on its configuration. Rules by substring are left to the sides,
    which call their parameters by names of their own; so are device, mixed precision and
    whatever else only a framework knows.

    Raises `LedgerError`, `DataError`, `PlanError` or `CheckpointError`.
    """
    config = expected_model(spec, task)
    decide(parameters_of(config), _without_substrings(spec))
    train, _, classes = read_splits(spec)
    assert spec.batch.size is not None, "a task has batch.size"
    spec.plan(micro_batches_per_epoch=batch_count(len(train.texts), spec.batch.size))
    if isinstance(task.model, CheckpointModel):
        folder, head = spec.folder / task.model.path, task.model.head
        class_order(folder, classes, head=head)
        config = replace(config, classes=len(classes))
        read_weights(folder, parameters_of(config), config, head=head)


def expected_model(spec: Spec, task: TextClassification) -> ModelConfig:
    """The task's model before its data is known: a vocabulary of any size, two classes."""
    model = task.model
    if isinstance(model, CheckpointModel):
        return read_checkpoint_config(spec.folder / model.path, classes=2, dropout=model.dropout)
    return fresh_config(model, vocab_size=model.vocab_size, pad_id=0, classes=2)


def _without_substrings(spec: Spec) -> Spec:
    if spec.weight_decay is None:
        return spec
    decay = spec.weight_decay.model_copy(update={"exclude_substrings": ()})
    return spec.model_copy(update={"weight_decay": decay})

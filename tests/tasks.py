"""The data of a spec's task, as training has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualtrain.data import EpochBatches, Prepared, batches_of_epoch
from dualtrain.spec import Spec
from dualtrain.tasks.text_classification import TextClassification
from dualtrain.training import task_of

__all__ = ["epochs", "prepare", "text_task"]


def prepare(spec: Spec) -> Any:
    """The task's own kind of prepared data."""
    return task_of(spec).prepare(spec.folder)


def epochs(spec: Spec, data: Prepared[Any]) -> Callable[[int], EpochBatches]:
    """The micro-batches of each epoch."""
    assert spec.batch.size is not None
    return batches_of_epoch(data, seed=spec.seed, size=spec.batch.size)


def text_task(spec: Spec) -> TextClassification:
    """The text classification of a spec."""
    task = spec.task
    assert isinstance(task, TextClassification)
    return task

"""task.json: what a run leaves for predictions, beside the weights and what its task writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from dualtrain.fields import Count, Part
from dualtrain.spec import Spec
from dualtrain.tasks import AnyTask, read_record, write_record
from dualtrain.training.checks._before import batch_size, task_of

__all__ = ["TASK", "SavedTask", "read_task", "with_task"]

TASK = "task.json"


class SavedTask(Part):
    """The task that a model was trained for."""

    version: Literal[1] = 1
    """Of this file's form."""
    backend: str
    """Of the run."""
    batch: Count
    """Samples of a micro-batch."""
    task: AnyTask
    """Its words, as the spec has them."""


def with_task(save: Callable[[Path], None], spec: Spec, backend: str) -> Callable[[Path], None]:
    """What writes task.json beside what `save` writes; spec: with the task as it is written."""
    saved = SavedTask(backend=backend, batch=batch_size(spec), task=task_of(spec))

    def write(folder: Path) -> None:
        save(folder)
        write_record(folder / TASK, saved)

    return write


def read_task(folder: Path) -> SavedTask:
    """What a run left in its output. Raises `CheckpointError`."""
    return read_record(folder / TASK, SavedTask)

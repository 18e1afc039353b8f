"""The spec itself: one training run, without naming a framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PrivateAttr, model_validator

from dualtrain.spec._base import Count, Part
from dualtrain.spec._dynamics import Amp, Batch, Clip, Duration, Optimizer, WeightDecay
from dualtrain.spec._schedule import Polynomial, Schedule, Warmup
from dualtrain.spec._task import TextClassification

if TYPE_CHECKING:
    from dualtrain.plan import Plan

__all__ = ["Spec"]


class Spec(Part):
    """The dynamics of one training run. Frozen, keyword-only, validated.

    Raises `dualtrain.SpecError` with every broken rule at once.
    """

    optimizer: Optimizer
    """The update rule and the base learning rate."""
    schedule: Schedule
    """How the rate moves from warmup to the horizon."""
    duration: Duration
    """When training ends."""
    warmup: Warmup | None = None
    """The rise from 0; absent means none."""
    horizon: Count | None = None
    """Update at which the schedule ends, when that is not the last one."""
    weight_decay: WeightDecay | None = None
    """Absent means none."""
    clip: Clip | None = None
    """Absent means off."""
    batch: Batch = Batch()
    """Samples, micro-batches, updates."""
    amp: Amp | None = None
    """Absent means float32."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Of data order, initial weights and dropout."""
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    """`cpu`, `cuda` or `cuda:1`, counted within CUDA_VISIBLE_DEVICES."""
    task: TextClassification | None = None
    """Data and model; absent when the caller brings both."""

    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Spec:
        if isinstance(self.schedule, Polynomial) and self.schedule.end_lr >= self.optimizer.lr:
            raise ValueError(
                f"schedule.end_lr must be below optimizer.lr. "
                f"Received: end_lr {self.schedule.end_lr!r}, lr {self.optimizer.lr!r}"
            )
        if self.task is not None and self.batch.size is None:
            raise ValueError("batch.size is needed with a task")
        return self

    @property
    def folder(self) -> Path:
        """The folder that the task's relative paths start from: the spec file's own."""
        return self._folder

    def plan(self, *, micro_batches_per_epoch: int, world_size: int = 1) -> Plan:
        """Resolve this spec into whole numbers and a curve: see `dualtrain.Plan`."""
        from dualtrain.plan import resolve

        return resolve(
            self, micro_batches_per_epoch=micro_batches_per_epoch, world_size=world_size
        )

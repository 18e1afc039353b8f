"""The spec itself: one training run, without naming a framework."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, field_validator

from dualtrain.errors import Problem
from dualtrain.fields import Part, Source, dotted
from dualtrain.optimizers import Optimizer
from dualtrain.schedules import Schedule
from dualtrain.spec._amp import Amp
from dualtrain.spec._evaluation import Best, Checkpointing, EarlyStopping, Evaluation, Measured
from dualtrain.spec._horizon import HorizonOrCount
from dualtrain.spec._loss import Loss
from dualtrain.spec._parameters import (
    Freeze,
    LayerDecayOrRate,
    LrMultipliers,
    OwnBetas,
    WeightDecay,
)
from dualtrain.spec._update import Batch, BatchNormRule, Clip, Duration, Ema
from dualtrain.spec._warmup import Warmup
from dualtrain.tasks import AnyTask, Task

__all__ = ["Spec"]

_DEVICE = "^(cpu|cuda(:[0-9]+)?)$"


def _device(name: str) -> str:
    if not re.fullmatch(_DEVICE, name):
        raise ValueError("must be 'cpu', 'cuda' or 'cuda:<number>'")
    return name


Device = Annotated[str, AfterValidator(_device), Field(json_schema_extra={"pattern": _DEVICE})]


def _check_momentum(schedule: Schedule, optimizer: Optimizer) -> None:
    """Only the optimizer `momentum` has a momentum that can be cycled, from its own value on."""
    if schedule.cycled is None:
        return
    if optimizer.cycled_momentum is None:
        raise ValueError(
            "momentum can be cycled for the optimizer 'momentum' only: Paddle keeps running "
            f"products of Adam's betas. Received: optimizer {optimizer.name!r}"
        )
    if schedule.cycled.high != optimizer.cycled_momentum:
        raise ValueError(
            "momentum.high must be optimizer.momentum: the cycle begins there. "
            f"Received: high {schedule.cycled.high!r}, momentum {optimizer.cycled_momentum!r}"
        )


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
    """The rise; absent means none."""
    horizon: HorizonOrCount = None
    """Update at which the schedule ends, when that is not the last one; with `per: epoch` an
    epoch. `{epochs: 360}` says it in epochs for a schedule that counts updates."""
    shift: Annotated[int, Field(ge=-(10**6), le=10**6)] = 0
    """Counts by which the clock of warmup and schedule is ahead of the updates: update t has the
    rate of t + shift. 1 is what `last_epoch=0` makes of a Paddle schedule, and a schedule that is
    stepped before the optimizer; below 0 the first rate holds for so many updates more. With
    `per: epoch` it counts epochs."""
    weight_decay: WeightDecay | None = None
    """Absent means none."""
    lr_multipliers: LrMultipliers = ()
    """The first whose pattern fits a parameter multiplies its rate; 1 where none does. A pattern
    that fits no parameter of the model is an error."""
    own_betas: OwnBetas = ()
    """Of an optimizer with betas; the first whose pattern fits a parameter gives its betas. A
    pattern that fits no parameter of the model is an error."""
    layer_decay: LayerDecayOrRate = None
    """Layer-wise decay of the rate; a number above 0 to 1 is r in r^n, where n counts the layers
    above a parameter. Multiplied with `lr_multipliers`. Absent means none."""
    freeze: Freeze | None = None
    """Absent means nothing."""
    clip: Clip | None = None
    """Absent means off."""
    batch: Batch = Batch()
    """Samples, micro-batches, updates."""
    loss: Loss | None = None
    """Absent means plain cross-entropy, the labels shifted already; a loss function of the
    caller's own excludes it."""
    ema: Ema | None = None
    """Absent means no averages of the weights."""
    batch_norm: BatchNormRule = "paddle"
    """The rule of the running variance that evaluation divides by, for the length of a run and in
    both frameworks; v: mean of the squared deviations over a batch's n elements of a channel.
    `paddle`: it follows v, as training divides by. `torch`: it follows v n / (n - 1)."""
    amp: Amp | None = None
    """Absent means float32."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Of data order, initial weights and dropout."""
    device: Device = "cpu"
    """`cpu`, `cuda` or `cuda:1`, counted within CUDA_VISIBLE_DEVICES."""
    evaluation: Evaluation | None = None
    """While the run goes on; absent means at its end only, or at each epoch's where
    `early_stopping` or `best` goes by it."""
    early_stopping: EarlyStopping | None = None
    """Absent means never."""
    best: Best | None = None
    """Absent means that the last weights are kept alone."""
    checkpoint: Checkpointing = Checkpointing()
    """When a run that is given a folder for checkpoints writes them."""
    task: AnyTask | None = None
    """Data and model; absent when the caller brings both."""

    _source: Source = PrivateAttr(default_factory=Source)

    @field_validator("schedule")
    @classmethod
    def _schedule_fits_the_optimizer(cls, schedule: Schedule, info: ValidationInfo) -> Schedule:
        optimizer = info.data.get("optimizer")
        if optimizer is not None:
            schedule.check_rates(optimizer.lr)
            _check_momentum(schedule, optimizer)
        return schedule

    @field_validator("schedule")
    @classmethod
    def _a_rate_read_once_is_constant(cls, schedule: Schedule, info: ValidationInfo) -> Schedule:
        optimizer = info.data.get("optimizer")
        if optimizer is not None and optimizer.reads_rate_once and schedule.moves:
            raise ValueError(
                f"{optimizer.name} takes only the first step sizes from the rate: must be "
                f"constant. Received: {schedule.name!r}"
            )
        return schedule

    @field_validator("warmup", "shift", "weight_decay", "lr_multipliers", "layer_decay")
    @classmethod
    def _a_rate_read_once_is_all(cls, value: Any, info: ValidationInfo) -> Any:
        optimizer = info.data.get("optimizer")
        if value and optimizer is not None and optimizer.reads_rate_once:
            raise ValueError(
                f"{optimizer.name} takes only the first step sizes from the rate, and no framework "
                f"gives it decay: leave {info.field_name} out"
            )
        return value

    @field_validator("shift")
    @classmethod
    def _a_metric_has_no_clock(cls, shift: int, info: ValidationInfo) -> int:
        schedule = info.data.get("schedule")
        if shift and schedule is not None and schedule.needs_metric:
            raise ValueError(f"must be 0: {schedule.name} goes by metrics, not by a clock")
        return shift

    @field_validator("weight_decay")
    @classmethod
    def _decay_fits_the_optimizer(
        cls, decay: WeightDecay | None, info: ValidationInfo
    ) -> WeightDecay | None:
        optimizer = info.data.get("optimizer")
        if decay is None or optimizer is None:
            return decay
        kinds, said = optimizer.decay_kinds, "kind" in decay.model_fields_set
        if decay.kind not in kinds:
            why = f": {optimizer.coupled_since}" if optimizer.coupled_since else ""
            given = "" if said else "none, which is "
            raise ValueError(
                f"kind must be {kinds[0]!r} with {optimizer.name}{why}. "
                f"Received: {given}{decay.kind!r}"
            )
        if len(kinds) > 1 and not said:
            raise ValueError(
                f"kind must be said with {optimizer.name}: 'coupled', as both frameworks' own "
                "classes decay, or 'decoupled', as AdamW does. Received: none"
            )
        return decay

    @field_validator("own_betas")
    @classmethod
    def _the_optimizer_has_betas(cls, rules: OwnBetas, info: ValidationInfo) -> OwnBetas:
        optimizer = info.data.get("optimizer")
        if rules and optimizer is not None and "betas" not in type(optimizer).model_fields:
            raise ValueError(f"{optimizer.name} has no betas: leave own_betas out")
        return rules

    @field_validator("warmup")
    @classmethod
    def _one_rise(cls, warmup: Warmup | None, info: ValidationInfo) -> Warmup | None:
        schedule = info.data.get("schedule")
        if warmup is not None and schedule is not None and schedule.opening.rises:
            raise ValueError(
                f"must be absent: the schedule {schedule.opening.name!r} rises by itself"
            )
        return warmup

    @field_validator("task")
    @classmethod
    def _task_has_batch_size(cls, task: Task | None, info: ValidationInfo) -> Task | None:
        batch = info.data.get("batch")
        if task is not None and batch is not None and batch.size is None:
            raise ValueError("needs batch.size. Received: nothing")
        return task

    @field_validator("task")
    @classmethod
    def _task_leaves_words_out(cls, task: Task | None, info: ValidationInfo) -> Task | None:
        if task is not None:
            task.check_excluded(info.data)
        return task

    @field_validator("task")
    @classmethod
    def _task_measures_it(cls, task: Task | None, info: ValidationInfo) -> Task | None:
        for word in ("evaluation", "early_stopping", "best"):
            asked = info.data.get(word)
            if task is None or asked is None:
                continue
            if task.eval is None:
                raise ValueError(f"{word} looks at the held-out split: needs eval")
            if not isinstance(asked, Measured) or task.measures is None:
                continue
            if asked.metric not in task.measures:
                known = ", ".join(task.measures)
                raise ValueError(
                    f"{word}.metric must be one that {task.name} measures: {known}. "
                    f"Received: {asked.metric!r}"
                )
        return task

    @field_validator("task")
    @classmethod
    def _task_gives_the_metric(cls, task: Task | None, info: ValidationInfo) -> Task | None:
        schedule = info.data.get("schedule")
        if task is not None and schedule is not None:
            schedule.check_held_out(has_eval=task.eval is not None)
        return task

    def __eq__(self, other: object) -> bool:
        """Whether both say the same; the source is where a spec was found, not what it says."""
        if not isinstance(other, Spec):
            return NotImplemented
        return self.__dict__ == other.__dict__

    @property
    def rule(self) -> Optimizer:
        """The optimizer, with weight decay of the spec's kind."""
        decay = self.weight_decay
        return self.optimizer if decay is None else self.optimizer.decaying(decay.kind)

    @property
    def source(self) -> Source:
        """Where the spec was found: folder, file, and the line of every key."""
        return self._source

    @property
    def folder(self) -> Path:
        """The folder that the task's relative paths start from: the spec file's own."""
        return self._source.folder

    def located(self, source: Source | Path) -> Spec:
        """The same spec, found there; with a folder, its relative paths start from that."""
        copy = self.model_copy()
        if isinstance(source, Path):
            source = replace(self._source, folder=source)
        copy._source = source
        return copy

    def problem(
        self, *steps: str | int, rule: str, received: str | None = None, cure: str | None = None
    ) -> Problem:
        """What is wrong with one of its fields, with file and line where the spec has them.

        >>> str(spec.problem("warmup", "steps", rule="must be shorter", received="9"))
        'spec.yaml:3: warmup.steps: must be shorter. Received: 9'
        """
        file, line = self._source.place(steps)
        where = dotted(steps)
        return Problem(where=where, rule=rule, received=received, file=file, line=line, cure=cure)

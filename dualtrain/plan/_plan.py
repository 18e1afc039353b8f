"""The plan: a spec, the run's sizes and the model's parameters, resolved once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

import numpy as np

from dualtrain.errors import PlanError
from dualtrain.ledger import Ledger, Parameter, decide
from dualtrain.native import Call, Refusal, flat
from dualtrain.native.schedules import NATIVE_SCHEDULES
from dualtrain.plan._curves import Ahead, Curve
from dualtrain.plan._fit import RunCounts, check_fit
from dualtrain.plan._warmup import Rise
from dualtrain.schedules import Floats
from dualtrain.spec import LARGEST_COUNT, Rounding, Spec, Warmup

__all__ = ["Plan", "round_product"]

LONGEST_CURVE = 10**8
"""Updates: 0.8 GB of rates, and a few times that while they are computed."""

_ROUNDING: dict[str, Callable[[float], int]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do, decided once, so that no framework can round it its own way.

    The clock t = 0, 1, ... counts optimizer updates that were applied; skipped ones too, unless
    `holds_on_skip`.
    """

    spec: Spec
    micro_batches_per_epoch: int
    """M, micro-batches over all processes."""
    world_size: int
    """Processes that share each micro-batch."""
    updates_per_epoch: int
    """ceil(M / accumulate) with tail `flush`, floor with `drop` and `leak`."""
    total_updates: int
    """T."""
    horizon: int
    """H, the update at which the schedule ends: T unless the spec says otherwise, and W more when
    warmup is counted before it."""
    warmup_updates: int
    """W."""
    ledger: Ledger | None = None
    """What is decided for each parameter; None of a plan that was made without a model."""

    @classmethod
    def of(
        cls,
        spec: Spec,
        *,
        micro_batches_per_epoch: int,
        world_size: int = 1,
        parameters: Iterable[Parameter] | None = None,
    ) -> Plan:
        """The plan of a spec, of the run's sizes and, with its parameters, of a model.

        micro_batches_per_epoch: micro-batches in one pass over the data, over all processes.
        world_size: processes that share the rows of each micro-batch; changes neither T nor the
            curve.
        parameters: as a backend lists them; without them the plan has no ledger.

        Raises `PlanError` when the sizes leave nothing to train or no room after warmup,
        `LedgerError` as `dualtrain.ledger.decide` does.

        >>> Plan.of(spec, micro_batches_per_epoch=5).updates_per_epoch  # accumulate 2, tail flush
        3
        """
        return _resolve(spec, micro_batches_per_epoch, world_size, parameters)

    def lr_at(self, t: int) -> float:
        """The float64 rate that update t uses; defined for every t >= 0, past the end too.

        >>> plan = Plan.of(spec, micro_batches_per_epoch=4)  # linear, lr 0.1, W = 2, T = 4
        >>> [plan.lr_at(t) for t in (0, 1, 2, 3, 4, 5)]
        [0.0, 0.05, 0.1, 0.05, 0.0, 0.0]
        """
        return self.spec.optimizer.lr * self.factor_at(t)

    def factor_at(self, t: int) -> float:
        """By what the base rate is multiplied: what `LambdaLR` and `LambdaDecay` take."""
        factor = self._factors.at(_update(t))
        assert factor is not None, "every schedule has one"
        return factor

    def momentum_at(self, t: int) -> float | None:
        """The momentum that update t uses, where the schedule cycles it; None elsewhere."""
        return self._momenta.at(_update(t))

    def check_length(self) -> None:
        """Refuse a run of more updates than its curve, which is computed whole, may have."""
        if self.total_updates > LONGEST_CURVE:
            raise PlanError(
                self.spec.problem(
                    "duration",
                    "updates" if self.spec.duration.epochs is None else "epochs",
                    rule=f"there must be at most {LONGEST_CURVE:.0e} updates: the rates of all of "
                    "them are computed at once",
                    received=f"{self.total_updates} updates",
                )
            )

    def lr_curve(self, updates: int | None = None) -> Floats:
        """lr_at(t) for t = 0 ... T - 1, or for so many updates: float64, shape (updates,)."""
        if updates is None or updates == self.total_updates:
            return self.spec.optimizer.lr * self._all_factors
        self._check_known()
        return self.spec.optimizer.lr * self.curve.factors(np.arange(updates, dtype=np.float64))

    def momentum_curve(self) -> Floats | None:
        """momentum_at(t) for t = 0 ... T - 1, where the schedule cycles it; None elsewhere."""
        self.check_length()
        return self.curve.momenta(np.arange(self.total_updates, dtype=np.float64))

    def native(self, library: str) -> Call | None:
        """The call that makes the library's own schedule with these rates; None if it has none.

        Only where the rates are equal to the last bit at every t >= 0, past the end too; the
        table of `dualtrain.native` says where, the tests measure it.

        >>> from dualtrain import Spec
        >>> parts = {"optimizer": {"name": "adamw", "lr": 0.1}, "schedule": {"name": "linear"}}
        >>> spec = Spec(**parts, warmup={"steps": 2}, duration={"updates": 4})
        >>> str(Plan.of(spec, micro_batches_per_epoch=1).native("transformers"))
        'get_linear_schedule_with_warmup(num_warmup_steps=2, num_training_steps=4)'
        """
        if not self.curve.plain:
            return None
        schedule = self.spec.schedule
        words = flat({"schedule": schedule.model_dump(exclude_defaults=True)})
        words |= {"optimizer.lr": self.spec.optimizer.lr, "warmup.steps": self.warmup_updates}
        if schedule.reads_horizon:
            words["horizon"] = self.horizon
        try:
            return NATIVE_SCHEDULES.write(words, library, drives=True).call
        except Refusal:
            return None

    def epoch_groups(self) -> list[range]:
        """The accumulation groups of the first epoch: for each update, its micro-batches' indices.

        >>> Plan.of(spec, micro_batches_per_epoch=5).epoch_groups()  # accumulate 2, tail flush
        [range(0, 2), range(2, 4), range(4, 5)]
        """
        return [self.group(index) for index in range(self.updates_per_epoch)]

    def group(self, index: int) -> range:
        """The micro-batches' indices of update `index`, counted from 0 over all epochs.

        Those below 0 are the last of the epoch before, which leak: see `place`.
        """
        batch, epoch = self.spec.batch, self.micro_batches_per_epoch
        start = index % self.updates_per_epoch * batch.accumulate
        end = min(start + batch.accumulate, epoch)
        leaks = batch.tail == "leak" and start == 0 and index > 0
        return range(-(epoch % batch.accumulate) if leaks else start, end)

    def place(self, epoch: int, index: int) -> tuple[int, int]:
        """The epoch of a micro-batch and its place in it; below 0 it is of the epoch before."""
        return (epoch, index) if index >= 0 else (epoch - 1, self.micro_batches_per_epoch + index)

    def divisor(self, group: range) -> int:
        """By what the sum of the mean losses of a group is divided, unless targets are counted.

        >>> plan = Plan.of(spec, micro_batches_per_epoch=5)  # accumulate 2, tail flush
        >>> [plan.divisor(group) for group in plan.epoch_groups()]
        [2, 2, 1]
        """
        batch = self.spec.batch
        if batch.normalise == "sum":
            return 1
        return batch.accumulate if batch.tail == "leak" else len(group)

    def updates(self) -> Iterator[tuple[int, range]]:
        """(epoch, micro-batches' indices) for each of the T updates, in order."""
        for index in range(self.total_updates):
            yield index // self.updates_per_epoch, self.group(index)

    @property
    def holds_on_skip(self) -> bool:
        """Whether a skipped update leaves the clock, and so the rate, where it is.

        Only float16 updates are skipped. A schedule per epoch follows the epochs, as native loops
        step it at their end, whatever the scaler skipped: its clock moves with `on_skip: hold` too.
        """
        amp = self.spec.amp
        return amp is not None and amp.on_skip == "hold" and self.spec.schedule.per == "update"

    @cached_property
    def curve(self) -> Curve:
        """The schedule with its whole numbers."""
        unit, warmup = _updates_per_count(self.spec, self.updates_per_epoch), self.warmup_updates
        form = self.spec.warmup or Warmup(steps=0)
        before = form.counted == "before"
        return Curve(
            schedule=self.spec.schedule,
            lr=self.spec.optimizer.lr,
            warmup=warmup // unit if form.counted == "inside" else 0,
            horizon=(self.horizon - warmup if before else self.horizon) // unit,
            rise=Rise(
                updates=warmup,
                start=form.start,
                shape=form.shape,
                counted=form.counted,
                unit=1 if form.moves_by_update else unit,
            ),
            updates_per_count=unit,
            shift=self.spec.shift * unit,
        )

    @cached_property
    def _factors(self) -> Ahead:
        self._check_known()
        return Ahead(self.curve.factors)

    @cached_property
    def _all_factors(self) -> Floats:
        """factor(t) for t = 0 ... T - 1."""
        self._check_known()
        self.check_length()
        return self.curve.factors(np.arange(self.total_updates, dtype=np.float64))

    @cached_property
    def _momenta(self) -> Ahead:
        return Ahead(self.curve.momenta)

    def _check_known(self) -> None:
        """Raises `PlanError` if metrics decide the rates."""
        if self.spec.schedule.needs_metric:
            raise PlanError(
                self.spec.problem(
                    "schedule",
                    "name",
                    rule=f"the rates of {self.spec.schedule.name!r} depend on the metrics that "
                    "training reports: no plan knows them before",
                )
            )


def _update(t: int) -> int:
    if t < 0:
        raise PlanError(f"t must be >= 0: updates are counted from 0. Received: {t}")
    return t


def _resolve(
    spec: Spec,
    micro_batches_per_epoch: int,
    world_size: int,
    parameters: Iterable[Parameter] | None,
) -> Plan:
    world_size = _size("world_size", world_size)
    micro_batches_per_epoch = _size("micro_batches_per_epoch", micro_batches_per_epoch)
    stated = spec.batch.micro_batches_per_epoch
    if stated not in (None, micro_batches_per_epoch):
        raise PlanError(
            spec.problem(
                "batch",
                "micro_batches_per_epoch",
                rule="must be what an epoch of the run has",
                cure=f"write {micro_batches_per_epoch}, or leave it out",
                received=f"{stated}, micro-batches {micro_batches_per_epoch}",
            )
        )
    per_epoch = _updates_per_epoch(spec, micro_batches_per_epoch)
    total = _total_updates(spec, per_epoch)
    unit = _updates_per_count(spec, per_epoch)
    length = _horizon_counts(spec, total, unit=unit, per_epoch=per_epoch)
    warmup = _warmup_updates(spec.warmup, length, unit=unit, per_epoch=per_epoch)
    counts = RunCounts(spec=spec, warmup_updates=warmup, horizon=length, unit=unit)
    if max(warmup, length * unit) > LARGEST_COUNT:
        raise PlanError(
            spec.problem(
                *_longest(counts),
                rule=f"the schedule must end within {LARGEST_COUNT:.0e} updates",
                cure=f"write at most {LARGEST_COUNT // unit}",
                received=f"{max(warmup // unit, length)} epochs of {unit} updates",
            )
        )
    check_fit(counts)
    return Plan(
        spec=spec,
        micro_batches_per_epoch=micro_batches_per_epoch,
        world_size=world_size,
        updates_per_epoch=per_epoch,
        total_updates=total,
        horizon=(warmup if counts.counted == "before" else 0) + length * unit,
        warmup_updates=warmup,
        ledger=None if parameters is None else decide(parameters, spec),
    )


def _size(name: str, given: int) -> int:
    """A size of the run as Python's int, whatever whole number it was given as."""
    if not isinstance(given, Integral) or isinstance(given, bool) or given < 1:
        raise PlanError(f"{name} must be a whole number >= 1. Received: {given!r}")
    return int(given)


def _updates_per_epoch(spec: Spec, micro_batches: int) -> int:
    """ceil(M / accumulate) with tail `flush`, floor with `drop` and `leak`; at least 1."""
    batch = spec.batch
    full, rest = divmod(micro_batches, batch.accumulate)
    count = full + 1 if rest and batch.tail == "flush" else full
    if count == 0:
        raise PlanError(
            spec.problem(
                "batch",
                "accumulate",
                rule=f"there is no update to make: with tail {batch.tail!r} an epoch needs at "
                "least batch.accumulate micro-batches",
                cure=f"write at most {micro_batches}, or tail: flush",
                received=f"{micro_batches} micro-batches, accumulate {batch.accumulate}",
            )
        )
    return count


def _total_updates(spec: Spec, per_epoch: int) -> int:
    """T."""
    epochs = spec.duration.epochs
    if epochs is None:
        assert spec.duration.updates is not None, "a duration has one of the two"
        return spec.duration.updates
    if epochs * per_epoch > LARGEST_COUNT:
        raise PlanError(
            spec.problem(
                "duration",
                "epochs",
                rule=f"there must be at most {LARGEST_COUNT:.0e} updates",
                cure=f"write at most {LARGEST_COUNT // per_epoch}",
                received=f"{epochs * per_epoch:.16g}",
            )
        )
    return math.ceil(epochs * per_epoch)


def _longest(counts: RunCounts) -> tuple[str, ...]:
    """The field that makes a schedule as long as it is."""
    if counts.warmup_updates > counts.horizon * counts.unit:
        return counts.field
    return ("horizon",) if counts.spec.horizon is not None else ("duration",)


def _horizon_counts(spec: Spec, total: int, *, unit: int, per_epoch: int) -> int:
    """H in what the schedule counts, without a warmup that is counted before it."""
    horizon = spec.horizon
    if horizon is None:
        return -(-total // unit)
    return horizon.counts or (horizon.epochs or 0) * (per_epoch // unit)


def _updates_per_count(spec: Spec, updates_per_epoch: int) -> int:
    """What the schedule counts, in updates."""
    return updates_per_epoch if spec.schedule.per == "epoch" else 1


def _warmup_updates(warmup: Warmup | None, horizon: int, *, unit: int, per_epoch: int) -> int:
    """W: as it is given, or the binary product proportion x horizon, rounded once."""
    if warmup is None:
        return 0
    if warmup.proportion is not None:
        return unit * round_product(warmup.proportion, horizon, warmup.rounding or "floor")
    if warmup.updates is not None:
        return warmup.updates
    return (warmup.epochs or 0) * per_epoch + (warmup.steps or 0) * unit


def round_product(proportion: float, total: int, rounding: Rounding) -> int:
    """A share of `total` as a whole number: the rounding of the binary product, once.

    >>> [round_product(0.29, 100, rule) for rule in ("floor", "ceil", "round")]
    [28, 29, 29]
    """
    return _ROUNDING[rounding](proportion * total)

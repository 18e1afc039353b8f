"""One training run in progress: the native objects of a plan, and the clock.

The core counts micro-batches, groups and updates; the backend's verbs do the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from dualtrain.backend import Backend, backend_of, load_backend
from dualtrain.errors import BackendError, DataError, MetricError, PlanError
from dualtrain.plan import Plan, Plateau, Scaling, decay_at
from dualtrain.spec import ReduceOnPlateau, Spec

__all__ = ["Applied", "Run", "start"]


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One update that was made or, with non-finite float16 gradients, skipped.

    attempt: counts updates from 0, skipped ones too; t does not where the clock holds on a skip,
    and then names more than one.
    The norms are scalar tensors on the device: reading one waits. They are None when not measured
    and when the update was skipped, for then nothing was clipped.
    """

    attempt: int
    t: int
    lr: float
    momentum: float | None
    skipped: bool
    loss_scale: float | None
    grad_norm: Any
    clipped_norm: Any


class Run:
    """A step object for your own loop; made by `dualtrain.start`.

    >>> for batch in batches:
    ...     with run.autocast():
    ...         loss = model(**batch).loss  # the micro-batch's mean
    ...     run.step(loss)  # accumulates, and updates when its group is complete
    """

    def __init__(
        self, plan: Plan, model: Any, *, backend: Backend, device: Any, measure: bool
    ) -> None:
        spec = plan.spec
        backend.check_amp(spec.amp, device)
        backend.check_autocast(spec.amp, device)
        self.plan = plan
        self.model = model
        self.device = device
        self.backend = backend
        self.clip = backend.build_clip(spec.clip, measure=measure)
        self.optimizer = backend.build_optimizer(spec, model, clip=self.clip)
        backend.clear_gradients(self.optimizer)  # those of an earlier loop that broke off
        self.masters = backend.build_masters(spec.amp, model, self.optimizer)
        waits = isinstance(spec.schedule, ReduceOnPlateau)
        self._plateau = Plateau(plan) if waits else None
        rate_at = self._plateau.rate_at if self._plateau is not None else None
        self.schedule = backend.build_schedule(plan, self.optimizer, rate_at=rate_at)
        self.close = backend.use_batch_norm(model, spec.batch_norm)
        """Gives the model its framework's own rule of running variances back; call it once."""
        self.scaling = Scaling.of(spec.amp)
        self.averages = backend.build_averages(model) if spec.ema is not None else None
        self._averaged = 0
        self._shows_averages = False
        self.t = 0
        """The clock: updates applied so far; skipped ones too, where the plan says so."""
        self.skipped = 0
        """Updates skipped so far."""
        self._attempts = 0
        self._groups = plan.epoch_groups()
        self._micro_batch = 0  # position in the epoch

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for the forward pass and the loss.

        Raises `BackendError` inside an autocast that is not the spec's own.
        """
        self.backend.check_autocast(self.plan.spec.amp, self.device)
        return self.backend.autocast(self.plan.spec.amp, self.device)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The context in which the model has the averages for weights, if the spec has `ema`.

        For evaluation: `step` raises in it, for when the context is left its update would be lost.
        """
        if self.averages is None:
            yield
            return
        outer, self._shows_averages = self._shows_averages, True
        try:
            with self.averages.applied():
                yield
        finally:
            self._shows_averages = outer

    def begin_epoch(self) -> None:
        """Let the next micro-batch be an epoch's first: for a loop that leaves one early.

        What an unfinished group has accumulated is dropped. Under a schedule per epoch the next
        epoch's rate is due, as where a native loop steps its schedule at each epoch's end.
        """
        self._end_epoch_early()
        self._micro_batch = 0
        if self.masters is not None:  # what a backward pass that broke off has left in the model
            self.masters.collect_gradients()
        self.backend.clear_gradients(self.optimizer)

    def step(self, loss: Any, *, divisor: float | None = None) -> Applied | None:
        """Take one micro-batch's loss; make the update when its group is complete.

        The gradient of loss / divisor is added to the group's. With `micro_mean` loss is the
        micro-batch's mean and the divisor, when absent, the group's real size; with `token_mean`
        loss is the micro-batch's sum and the divisor the group's number of counted targets.

        The loss comes as it is: the run scales it, with a `GradScaler` of yours beside it the
        gradients would be scaled twice. No number is read from the device, so nothing tells of a
        loss or a gradient that is none, but with float16 `skipped`; `fit` looks.

        Returns what was applied, or None inside a group and in a tail that is dropped. Raises
        `DataError` for a loss that is not one number with a gradient, `PlanError` for a divisor
        that is not a positive number, or inside `averaged()`, `BackendError` inside an autocast
        that is not the spec's.
        """
        if self._shows_averages:
            raise PlanError(
                "a step must be made outside averaged(), which gives the model its own weights "
                "back when it is left: evaluate in it. Received: a loss of the averages"
            )
        amp = self.plan.spec.amp
        self.backend.check_autocast(amp, self.device)
        _check_loss(loss)
        position, self._micro_batch = self._micro_batch, self._micro_batch + 1
        if self._micro_batch == self.plan.micro_batches_per_epoch:
            self._micro_batch = 0
        index = position // self.plan.spec.batch.accumulate
        if index == len(self._groups):
            return None
        group = self._groups[index]
        with self.backend.updating(amp, self.device):
            if self.scaling is not None:
                loss = self.backend.scaled(loss, self.scaling.scale)
            (loss / self._divisor(divisor, len(group))).backward()
            if self.masters is not None:
                self.masters.collect_gradients()
            return self._update() if position == group[-1] else None

    def report(self, metric: float) -> None:
        """Take a metric for the schedule `reduce_on_plateau`; the next update uses its rate.

        Call it at the end of each epoch, or whenever you evaluate: `patience` counts the calls,
        but for those during warmup, which are not looked at.

        Raises `MetricError` if the metric is not finite, or the schedule takes none.
        """
        if self._plateau is None:
            raise MetricError(
                "a metric is for the schedule 'reduce_on_plateau' only. "
                f"Received: {metric!r}, with the schedule {self.plan.spec.schedule.name!r}"
            )
        before = self._plateau.rate_at(self.t)
        self._plateau.report(metric, self.t)
        if self._plateau.rate_at(self.t) != before:
            self._set_clock(self.t)

    def _set_clock(self, t: int) -> None:
        """Let the next update be that of t, its rate taken anew."""
        self.t = t
        self.backend.skip_step(self.optimizer)  # there may have been no update yet
        self.schedule.last_epoch = t - 1
        self.schedule.step()

    def _end_epoch_early(self) -> None:
        """Move a schedule per epoch to the next epoch, if the one that ends is not complete."""
        if self._micro_batch and self.plan.spec.schedule.per == "epoch":
            made = self._micro_batch // self.plan.spec.batch.accumulate
            self._set_clock(self.t + self.plan.updates_per_epoch - made)

    def _divisor(self, divisor: float | None, group_size: int) -> float:
        if divisor is not None:
            if not 0 < divisor < math.inf:
                raise PlanError(
                    f"the divisor must be a positive, finite number. Received: {divisor}"
                )
            return divisor
        if self.plan.spec.batch.normalise == "token_mean":
            raise PlanError(
                "with batch.normalise 'token_mean' step() needs the divisor: the number of "
                "counted targets in the whole group. Received: None"
            )
        return group_size

    def _update(self) -> Applied:
        if self.masters is not None:
            self.masters.read_back()
        lr = self.backend.learning_rate(self.optimizer)
        scale = self.scaling.scale if self.scaling is not None else None
        momentum = self._cycle_momentum()
        applied = self._apply()
        self.backend.clear_gradients(self.optimizer)
        if applied:
            self._average()
        done = Applied(
            attempt=self._attempts,
            t=self.t,
            lr=lr,
            momentum=momentum,
            skipped=not applied,
            loss_scale=scale,
            grad_norm=self.clip.norm if self.clip and applied else None,
            clipped_norm=self.clip.clipped_norm if self.clip and applied else None,
        )
        self._attempts += 1
        self.skipped += not applied
        if applied or not self.plan.holds_on_skip:
            self.schedule.step()
            self.t += 1
        return done

    def _cycle_momentum(self) -> float | None:
        """Set the momentum of this update, if the schedule cycles one; what the optimizer has."""
        momentum = self.plan.momentum_at(self.t)
        if momentum is None:
            return None
        self.backend.set_momentum(self.optimizer, momentum)
        return self.backend.momentum(self.optimizer)

    def _average(self) -> None:
        ema = self.plan.spec.ema
        if self.averages is not None and ema is not None:
            self.averages.update(decay_at(ema, self._averaged))
            self._averaged += 1

    def _apply(self) -> bool:
        """Unscale, clip and update; False if the gradients were not finite and nothing moved."""
        if self.t == 0:
            self.backend.check_gradients(self.optimizer)
        if self.scaling is not None:
            finite = self.backend.unscale(self.optimizer, self.scaling.scale)
            self.scaling = self.scaling.after(finite=finite)
            if not finite:
                self.backend.skip_step(self.optimizer)
                return False
        self.optimizer.step()
        if self.masters is not None:
            self.masters.write_back()
        return True


def _check_loss(loss: Any) -> None:
    """Refuse what torch refuses in words of its own and Paddle takes for something else."""
    shape = getattr(loss, "shape", None)
    if shape is None or math.prod(shape) != 1:
        told = loss if shape is None else f"a {type(loss).__name__} of shape {tuple(shape)}"
        raise DataError(f"a loss must be a tensor of one number. Received: {told}")
    if loss.is_leaf:
        raise DataError(
            "a loss must be computed from parameters that train. Received: one that does not "
            "depend on any"
        )


def start(
    spec: Spec,
    model: Any,
    *,
    micro_batches_per_epoch: int,
    backend: str | None = None,
    measure: bool = False,
) -> Run:
    """Begin a run on a model of yours: build the native optimizer and schedule.

    backend: a name; when absent it follows from the type of the model.
    measure: take the gradient norms before and after clipping at each update.
    The model is moved to `spec.device`; modes, training or evaluation, are your loop's affair.
    """
    verbs = _backend_for(model, backend)
    device = verbs.open_device(spec.device)
    plan = spec.plan(micro_batches_per_epoch=micro_batches_per_epoch)
    return Run(plan, verbs.place(model, device), backend=verbs, device=device, measure=measure)


def _backend_for(model: Any, name: str | None) -> Backend:
    """The backend of a model; a name that says otherwise is a mistake."""
    found = backend_of(model)
    if name is not None and load_backend(name).NAME != found.NAME:
        raise BackendError(f"backend must be that of the model, {found.NAME!r}. Received: {name!r}")
    return found

"""One training run in progress: the native objects of a plan, and the clock.

The core counts micro-batches, groups and updates; the backend's verbs do the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from dualtrain.backend import Backend
from dualtrain.errors import DataError, MetricError, PlanError
from dualtrain.plan import Plan, Plateau, Scaling, decay_at
from dualtrain.state import RunState, TensorState
from dualtrain.training._journal import AppliedUpdate, Journal, MicroLoss
from dualtrain.training._native import wire

__all__ = ["Run"]


class Run:
    """A step object for your own loop; made by `dualtrain.start`.

    >>> for batch in batches:
    ...     with run.autocast():
    ...         loss = model(**batch).loss  # the micro-batch's mean
    ...     applied = run.step(loss)  # accumulates, and updates when its group is complete
    >>> run.close()

    A context manager too, which calls `close`.
    """

    def __init__(
        self, plan: Plan, model: Any, *, backend: Backend, device: Any, measure: bool
    ) -> None:
        spec = plan.spec
        if plan.ledger is None:
            raise PlanError(
                "a run needs a plan of its model's parameters: Plan.of(..., parameters=...). "
                "Received: one without"
            )
        backend.check_amp(spec.amp, device)
        backend.check_autocast(spec.amp, device)
        self.plan = plan
        self.model = model
        self.device = device
        self.backend = backend
        self.clip = backend.build_clip(spec.clip, measure=measure)
        self._open = ExitStack()
        self._ledger = plan.ledger
        self.optimizer = wire(backend, spec.optimizer, plan.ledger, model, clip=self.clip)
        backend.clear_gradients(self.optimizer)  # those of an earlier loop that broke off
        self.masters = backend.build_masters(spec.amp, model, self.optimizer)
        self._plateau = Plateau(plan) if spec.schedule.needs_metric else None
        rate_at = self._plateau.rate_at if self._plateau is not None else None
        self.schedule = backend.build_schedule(plan, self.optimizer, rate_at=rate_at)
        self._open.callback(backend.use_batch_norm(model, spec.batch_norm))
        self.scaling = Scaling.of(spec.amp)
        self.averages = backend.build_averages(model) if spec.ema is not None else None
        self._averaged = 0
        self._shows_averages = False
        self.t = 0
        """The clock: updates applied so far; skipped ones too, where the plan says so."""
        self.skipped = 0
        """Updates skipped so far."""
        self.attempts = 0
        """Updates made or skipped so far."""
        self._groups = plan.epoch_groups()
        self._epoch = 0
        self._micro_batch = 0  # position in the epoch
        self.journal: Journal | None = None
        """Where `step` puts down what it is given, if anywhere."""
        self.is_traced = False
        """Whether a trace is written, whose updates follow each other from the first."""
        self._is_closed = False
        self._losses: list[MicroLoss] = []  # of the group, for the journal
        backend.seed_everything(spec.seed)

    def enter(self, context: AbstractContextManager[Any]) -> None:
        """Enter a context, to be left when the run is closed."""
        self._open.enter_context(context)

    def close(self) -> None:
        """End the run: its trace, and the model has its framework's own rule of batch norm again.

        A second call does nothing, and no step can follow.
        """
        self._is_closed = True
        self._open.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: Any) -> None:
        self._is_closed = True
        self._open.__exit__(*error)

    @property
    def is_over(self) -> bool:
        """Whether all of the plan's T updates were made or skipped."""
        return max(self.attempts, self.t) >= self.plan.total_updates

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
        self._epoch, self._micro_batch = self._epoch + bool(self._micro_batch), 0
        self._losses = []
        if self.masters is not None:  # what a backward pass that broke off has left in the model
            self.masters.collect_gradients()
        self.backend.clear_gradients(self.optimizer)

    def step(self, loss: Any, *, divisor: float | None = None) -> AppliedUpdate | None:
        """Take one micro-batch's loss; make the update when its group is complete.

        The gradient of loss / divisor is added to the group's. With `micro_mean` loss is the
        micro-batch's mean and the divisor, when absent, the group's real size; with `token_mean`
        loss is the micro-batch's sum and the divisor the group's number of counted targets.

        The loss comes as it is: the run scales it, with a `GradScaler` of yours beside it the
        gradients would be scaled twice. No number is read from the device, so nothing tells of a
        loss or a gradient that is none, but with float16 `skipped`; `fit` looks.

        Returns what was applied, or None inside a group and in a tail that is dropped. Raises
        `DataError` for a loss that is not one number with a gradient, `PlanError` for a divisor
        that is not a positive number, inside `averaged()`, after `close` and after the last of the
        plan's updates, `BackendError` inside an autocast that is not the spec's.
        """
        if self._is_closed:
            raise PlanError(
                "a step must be made before the run is closed, which ends its trace and its rule "
                f"of batch norm: begin another run. Received: a step after {self.attempts} updates"
            )
        if self._shows_averages:
            raise PlanError(
                "a step must be made outside averaged(), which gives the model its own weights "
                "back when it is left: evaluate in it. Received: a loss of the averages"
            )
        amp = self.plan.spec.amp
        self.backend.check_autocast(amp, self.device)
        _check_loss(loss)
        index = self._micro_batch // self.plan.spec.batch.accumulate
        is_dropped = index == len(self._groups)
        if self.is_over and not is_dropped:
            raise PlanError(
                f"a run makes the plan's {self.plan.total_updates} updates and no more, for past "
                "them the schedule's rates are not what was meant: leave the loop when "
                f"run.is_over, or write a longer duration. Received: a step after {self.attempts}"
            )
        position, self._micro_batch = self._micro_batch, self._micro_batch + 1
        if self._micro_batch == self.plan.micro_batches_per_epoch:
            self._epoch, self._micro_batch = self._epoch + 1, 0
        if is_dropped:
            return None
        group = self._groups[index]
        by = self._divisor(divisor, len(group))
        if self.journal is not None:
            self._losses.append(self._micro_loss(loss, by, len(group)))
        with self.backend.updating(amp, self.device):
            if self.scaling is not None:
                loss = self.backend.scaled(loss, self.scaling.scale)
            (loss / by).backward()
            if self.masters is not None:
                self.masters.collect_gradients()
            if position != group[-1]:
                return None
            applied = self._update()
        if self.journal is not None:
            losses, self._losses = self._losses, []
            self.journal.add(applied, losses)
        return applied

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

    def state(self) -> RunState:
        """All that the next update depends on, as copies, in any framework's terms.

        Not in it: what is not the run's, such as numpy's and Python's own random state, or the
        workers of a DataLoader. Raises `PlanError` inside an accumulation group, whose gradients
        would be lost, and inside `averaged()`.
        """
        self._check_between_updates(self._micro_batch)
        averages = {}
        if self.averages is not None:
            with self.averages.applied():
                weights = self.backend.dump_state(self.model).weights
            averages = {name: weights[name] for name in self._trained()}
        return RunState(
            backend=self.backend.NAME,
            rule=self._rule(),
            t=self.t,
            attempts=self.attempts,
            skipped=self.skipped,
            epoch=self._epoch,
            micro_batch=self._micro_batch,
            tensors=self.backend.dump_state(self.model, self.optimizer),
            averages=averages,
            averaged=self._averaged,
            loss_scale=None if self.scaling is None else self.scaling.state(),
            plateau=None if self._plateau is None else self._plateau.state(),
        )

    def restore(self, state: RunState) -> None:
        """Go on from a state, whatever this run has done before.

        A state of the same framework is taken to the bit. One of another framework is taken but for
        what only that can read, its random state above all, so that dropout draws anew.

        Raises `PlanError` for a state of another kind of run and in a run with a trace,
        `CheckpointError` for a state of another model, all before anything is changed.
        """
        if self.is_traced:
            raise PlanError(
                "a trace has the updates of one run from its first to its last: restore a state in "
                f"a run without one. Received: a state after {state.attempts} updates"
            )
        self._check_fit(state)
        tensors = state.tensors
        if state.backend != self.backend.NAME:
            tensors = replace(tensors, own={})
        if self.averages is not None:
            held = {**tensors.weights, **state.averages}
            self.backend.load_state(self.model, None, TensorState(weights=held))
            self.averages = self.backend.build_averages(self.model)
        self.backend.load_state(self.model, self.optimizer, tensors)
        if self._plateau is not None and state.plateau is not None:
            self._plateau.restore(state.plateau)
        if self.scaling is not None and state.loss_scale is not None:
            self.scaling = self.scaling.restored(state.loss_scale)
        self.skipped, self.attempts, self._averaged = state.skipped, state.attempts, state.averaged
        self._epoch, self._micro_batch = state.epoch, state.micro_batch
        self._losses = []
        if self.masters is not None:
            self.masters.collect_gradients()
        self.backend.clear_gradients(self.optimizer)
        self._set_clock(state.t)

    def _check_between_updates(self, micro_batch: int) -> None:
        """Raise `PlanError` where there are averages in the model, or gradients of a group."""
        group, inside = divmod(micro_batch, self.plan.spec.batch.accumulate)
        if self._shows_averages or (inside and group < len(self._groups)):
            where = f"{inside} micro-batches after one"
            raise PlanError(
                "a run has a state between two updates, outside averaged(). "
                f"Received: {'a call in averaged()' if self._shows_averages else where}"
            )

    def _check_fit(self, state: RunState) -> None:
        """Raise `PlanError` for the state of a run that this plan could not have had."""
        self._check_between_updates(state.micro_batch)
        trained = self._trained()
        given = state.tensors.optimizer
        last = self.plan.micro_batches_per_epoch - 1
        for what, expected, received in (
            ("optimizer", self._rule(), state.rule),
            ("place in the epoch", f"at most {last}", f"at most {max(last, state.micro_batch)}"),
            ("averages", sorted(trained) if self.averages else [], sorted(state.averages)),
            ("loss scale", self.scaling is not None, state.loss_scale is not None),
            ("plateau of metrics", self._plateau is not None, state.plateau is not None),
            ("parameters that do not train", [], sorted(given.keys() - trained)),
            ("optimizer's arrays of another shape", [], state.misshapen()),
        ):
            if expected != received:
                raise PlanError(
                    "a state must be that of a run of the same kind and model. "
                    f"{what.capitalize()}: expected {expected}. Received: {received}"
                )

    def _rule(self) -> str:
        """The optimizer's name, and what of its settings changes the state that it keeps."""
        settings = self.plan.spec.optimizer
        return ", ".join([settings.name, *(n for n, value in settings if value is True)])

    def _trained(self) -> set[str]:
        """Canonical names of the parameters that train."""
        return {row.parameter.name for row in self._ledger.rows if row.trains}

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

    def _micro_loss(self, loss: Any, divisor: float, group_size: int) -> MicroLoss:
        """For the journal; of a sum over a group's targets nobody says how many are its own."""
        counted = self.plan.spec.batch.normalise == "micro_mean"
        return MicroLoss(loss.detach(), divisor, divisor / group_size if counted else None)

    def _update(self) -> AppliedUpdate:
        if self.masters is not None:
            self.masters.read_back()
        lr = self.backend.learning_rate(self.optimizer)
        scale = self.scaling.scale if self.scaling is not None else None
        momentum = self._cycle_momentum()
        applied = self._apply()
        self.backend.clear_gradients(self.optimizer)
        if applied:
            self._average()
        done = AppliedUpdate(
            attempt=self.attempts,
            t=self.t,
            lr=lr,
            momentum=momentum,
            skipped=not applied,
            loss_scale=scale,
            grad_norm=self.clip.norm if self.clip and applied else None,
            clipped_norm=self.clip.clipped_norm if self.clip and applied else None,
        )
        self.attempts += 1
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

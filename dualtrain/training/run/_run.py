"""One training run in progress: the native objects of a plan, and the clock.

The core counts micro-batches, groups and updates; the backend's verbs do the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dualtrain.backend import Backend
from dualtrain.checkpoints import Keeper, keeping
from dualtrain.errors import MetricError, PlanError
from dualtrain.plan import Monitor, Plan, Plateau, Scaling, decay_at
from dualtrain.state import Arrays, RunState
from dualtrain.trace import TraceMark
from dualtrain.training.processes import Processes, alone
from dualtrain.training.run._checkpoint import checkpoint_of
from dualtrain.training.run._journal import AppliedUpdate, Journal
from dualtrain.training.run._loss import MicroLoss, check_loss, divisor_of
from dualtrain.training.run._native import wire
from dualtrain.training.run._state import averages_of, restore, state_of

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
        self,
        plan: Plan,
        model: Any,
        *,
        backend: Backend,
        device: Any,
        measure: bool,
        processes: Processes | None = None,
    ) -> None:
        spec = plan.spec
        if plan.ledger is None:
            raise PlanError(
                "a run needs a plan of its model's parameters: Plan.of(..., parameters=...). "
                "Received: one without"
            )
        plan.check_length()
        backend.check_amp(spec.amp, device)
        backend.check_autocast(spec.amp, device)
        self.plan = plan
        self.model = model
        self.device = device
        self.backend = backend
        self.clip = backend.build_clip(spec.clip, measure=measure)
        self._open = ExitStack()
        self.processes = processes or alone(backend)
        """This process's part; forward passes of training go through `processes.forward`."""
        self.processes.begin(model, spec.amp)
        self._open.callback(self.processes.release)
        self.optimizer = wire(backend, spec.rule, plan.ledger, model, clip=self.clip)
        backend.clear_gradients(self.optimizer)  # those of an earlier loop that broke off
        self.masters = backend.build_masters(spec.amp, model, self.optimizer)
        self.processes.spread(model, self.optimizer, device)
        self.plateau = Plateau(plan) if spec.schedule.needs_metric else None
        rate_at = self.plateau.rate_at if self.plateau is not None else None
        self.schedule = backend.build_schedule(plan, self.optimizer, rate_at=rate_at)
        self.monitor = Monitor(spec) if spec.early_stopping or spec.best else None
        self.best: Arrays = {}
        """The weights of the best evaluation, with `spec.best`."""
        self.ending: str | None = None
        """Why the run ends before the plan's last update, if it does."""
        self._open.callback(backend.use_batch_norm(model, spec.batch_norm))
        self._open.callback(self.processes.share_batch_norm(model, spec.batch_norm))
        self.scaling = Scaling.of(spec.amp)
        self.averages = averages_of(backend, spec, model)
        if self.averages is not None and spec.ema is not None and spec.ema.start == "zero":
            self.averages.clear()
        self.averaged_updates = 0
        """Updates that are in the averages."""
        self.shows_averages = False
        """Whether the model has the averages for weights just now."""
        self.t = 0
        """The clock: updates applied so far; skipped ones too, where the plan says so."""
        self.skipped = 0
        """Updates skipped so far."""
        self.attempts = 0
        """Updates made or skipped so far."""
        self.groups = plan.epoch_groups()
        """The places of the micro-batches of each update of an epoch, but for those that leak."""
        self.epoch = 0
        self.micro_batch = 0
        """The place of the next one in its epoch."""
        self.epoch_random: Arrays = {}
        """What random numbers came from when the epoch was begun: see `_random.py`."""
        self.drawn_random: Arrays = {}
        """What several processes draw from: see `dualtrain/training/loop/_drawn.py`."""
        self.generators: tuple[Any, ...] = ()
        """Those that the loader draws from, where it has some of its own."""
        self.is_inside = False
        """Whether the gradients of an unfinished group are held."""
        self.journal: Journal | None = None
        """Where `step` puts down what it is given, if anywhere."""
        self.is_traced = False
        """Whether a trace is written, whose updates follow each other from the first."""
        self.mark: Callable[[], TraceMark | None] = lambda: None
        """Up to where it is written."""
        self.data_digest: str | None = None
        """Of the prepared data of a task."""
        self.code: Mapping[str, str] = {}
        """Digest of each of the user's own files that a task runs, by its name."""
        self.is_timed = False
        """Whether `step` itself ends the run when its `time_limit` is over."""
        self.seconds_before = 0.0
        """What the loop took before this process, of a run that goes on."""
        self._begun = time.monotonic()
        self._keepers: dict[Path, Keeper] = {}
        self.inspect: Callable[[], None] | None = None
        """Called before each update, with the gradients of its group in the model: what it writes
        there the update uses, and if it raises there is none."""
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
        """Whether all of the plan's T updates were made or skipped, or the run ends before."""
        return self.ending is not None or self.is_done

    @property
    def is_done(self) -> bool:
        """Whether all of the plan's T updates were made or skipped."""
        return max(self.attempts, self.t) >= self.plan.total_updates

    @property
    def seconds(self) -> float:
        """What the loop has taken, in all processes that the run went on in."""
        return self.seconds_before + time.monotonic() - self._begun

    @property
    def is_late(self) -> bool:
        """Whether the spec's `time_limit` is over."""
        limit = self.plan.spec.duration.time_limit
        return limit is not None and self.seconds >= limit

    def check_time(self) -> None:
        """End the run if it is late."""
        if self.is_late and not self.is_over:
            self.end_late()

    def end_late(self) -> None:
        """End the run for its time limit, by whoever's clock."""
        self.end(f"time limit: {self.plan.spec.duration.time_limit:g} s")

    def end(self, reason: str) -> None:
        """Let there be no further update; the first reason that is given stays."""
        self.ending = self.ending or reason

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
        outer, self.shows_averages = self.shows_averages, True
        try:
            with self.averages.applied():
                yield
        finally:
            self.shows_averages = outer

    def begin_epoch(self) -> None:
        """Let the next micro-batch be an epoch's first: for a loop that leaves one early.

        What an unfinished group has accumulated is dropped, but for what a whole epoch leaks. Under
        a schedule per epoch the next epoch's rate is due, as where a native loop steps its schedule
        at each epoch's end.
        """
        if self.micro_batch == 0 and self.plan.spec.batch.tail == "leak":
            return
        self._end_epoch_early()
        self.epoch, self.micro_batch = self.epoch + bool(self.micro_batch), 0
        self.drop_group()

    def drop_group(self) -> None:
        """Forget what an unfinished group has accumulated."""
        self.is_inside, self._losses = False, []
        if self.masters is not None:  # what a backward pass that broke off has left in the model
            self.masters.collect_gradients()
        self.backend.clear_gradients(self.optimizer)

    def step(self, loss: Any, *, divisor: float | None = None) -> AppliedUpdate | None:
        """Take one micro-batch's loss; make the update when its group is complete.

        The gradient of loss / divisor is added to the group's. With `micro_mean` loss is the
        micro-batch's mean and the divisor, when absent, the group's real size, with tail `leak`
        `accumulate`; with `sum` it is 1; with `token_mean` loss is the micro-batch's sum and the
        divisor the group's number of counted targets.

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
        if self.shows_averages:
            raise PlanError(
                "a step must be made outside averaged(), which gives the model its own weights "
                "back when it is left: evaluate in it. Received: a loss of the averages"
            )
        amp = self.plan.spec.amp
        self.backend.check_autocast(amp, self.device)
        check_loss(loss)
        batch = self.plan.spec.batch
        index = self.micro_batch // batch.accumulate
        is_left = index == len(self.groups)
        is_dropped = is_left and (batch.tail == "drop" or self.is_over)
        if self.ending is not None:
            raise PlanError(
                "a run that has ended makes no further update: leave the loop when run.is_over. "
                f"Received: a step after {self.attempts} updates; {self.ending}"
            )
        if self.is_over and not is_dropped:
            raise PlanError(
                f"a run makes the plan's {self.plan.total_updates} updates and no more, for past "
                "them the schedule's rates are not what was meant: leave the loop when "
                f"run.is_over, or write a longer duration. Received: a step after {self.attempts}"
            )
        position, self.micro_batch = self.micro_batch, self.micro_batch + 1
        if self.micro_batch == self.plan.micro_batches_per_epoch:
            self.epoch, self.micro_batch = self.epoch + 1, 0
        if is_dropped:
            return None
        group = range(0) if is_left else self.groups[index]
        usual = self.plan.divisor(group)
        by = divisor_of(divisor, usual, batch.normalise)
        if self.journal is not None:
            self._losses.append(MicroLoss.of(loss, by, usual, batch.normalise))
        with self.backend.updating(amp, self.device):
            if self.scaling is not None:
                loss = self.backend.scaled(loss, self.scaling.scale)
            if self.processes.weight > 1:
                loss = loss * self.processes.weight
            (loss / by).backward()
            if self.masters is not None:
                self.masters.collect_gradients()
            self.is_inside = is_left or position != group[-1]
            if self.is_inside:
                return None
            applied = self._update()
        if self.is_timed:
            self.check_time()
        if self.journal is not None:
            losses, self._losses = self._losses, []
            self.journal.add(applied, losses)
        return applied

    def move(self, gradients: Arrays) -> AppliedUpdate:
        """Make one update of gradients that are given, as `Backend.dump_gradients` gives them.

        The rule alone, between two updates: no micro-batch is taken.
        """
        with self.backend.updating(self.plan.spec.amp, self.device):
            self.backend.load_gradients(self.model, gradients)
            return self._update()

    def report(self, metric: float) -> None:
        """Take a metric for the schedule `reduce_on_plateau`; the next update uses its rate.

        Call it at the end of each epoch, or whenever you evaluate: `patience` counts the calls,
        but for those during warmup, which are not looked at.

        Raises `MetricError` if the metric is not finite, or the schedule takes none.
        """
        if self.plateau is None:
            raise MetricError(
                "a metric is for the schedule 'reduce_on_plateau' only. "
                f"Received: {metric!r}, with the schedule {self.plan.spec.schedule.name!r}"
            )
        before = self.plateau.rate_at(self.t)
        self.plateau.report(metric, self.t)
        if self.plateau.rate_at(self.t) != before:
            self.set_clock(self.t)

    def evaluated(self, metrics: Mapping[str, float]) -> bool:
        """Take the metrics of an evaluation for early stopping and the best model.

        The weights of the best are copied: with `spec.ema` the averages. When metrics have stopped
        improving the run `is_over`, and `ending` says why.

        Returns whether it is the best so far, with `spec.best`. Raises `MetricError` if the spec
        waits for a metric that is not there.
        """
        if self.monitor is None:
            return False
        is_best = self.monitor.report(metrics, self.attempts)
        if is_best and self.shows_averages:
            self.best = self.backend.dump_weights(self.model)
        elif is_best:
            with self.averaged():
                self.best = self.backend.dump_weights(self.model)
        if self.monitor.reason is not None:
            self.end(self.monitor.reason)
        return is_best

    def state(self) -> RunState:
        """All that the next update depends on, as copies, in any framework's terms.

        Not in it: what is not the run's, such as numpy's and Python's own random state, or the
        workers of a DataLoader. Raises `PlanError` inside an accumulation group, whose gradients
        would be lost, and inside `averaged()`; `BackendError` where the processes' parts of it
        cannot be gathered.
        """
        self.processes.check_state()
        return state_of(self)

    def save(self, folder: Path | str) -> Path:
        """Write a checkpoint into a folder, from which `dualtrain.resume` goes on; where it is.

        The latest `spec.checkpoint.keep` stay. The folder is this run's until it is closed: one
        that has checkpoints must be the one that the run goes on from.

        Raises `PlanError` inside an accumulation group and inside `averaged()`, `OutputError`
        where nothing can be written, with the last whole checkpoint, and for another run's folder.
        """
        place = Path(folder).absolute()
        if self.journal is not None:
            self.journal.read()
        checkpoint = checkpoint_of(self)
        if place not in self._keepers:
            self.keep(self._open.enter_context(keeping(place, resume=False)))
        return self._keepers[place].write(checkpoint, keep=self.plan.spec.checkpoint.keep)

    def keep(self, keeper: Keeper) -> None:
        """Let `save` write into a folder that is this run's."""
        self._keepers[keeper.folder] = keeper

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
        restore(self, state)

    def set_clock(self, t: int) -> None:
        """Let the next update be that of t, its rate taken anew."""
        self.t = t
        self.backend.skip_step(self.optimizer)  # there may have been no update yet
        self.schedule.last_epoch = t - 1
        self.schedule.step()

    def _end_epoch_early(self) -> None:
        """Move a schedule per epoch to the next epoch, if the one that ends is not complete."""
        if self.micro_batch and self.plan.spec.schedule.per == "epoch":
            made = self.micro_batch // self.plan.spec.batch.accumulate
            self.set_clock(self.t + self.plan.updates_per_epoch - made)

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
            self.averages.update(decay_at(ema, self.averaged_updates))
            self.averaged_updates += 1

    def _apply(self) -> bool:
        """Unscale, clip and update; False if the gradients were not finite and nothing moved."""
        if self.t == 0:
            self.backend.check_gradients(self.optimizer)
        if self.inspect is not None:
            self.inspect()
        if self.scaling is not None:
            finite = self.backend.unscale(self.optimizer, self.scaling.scale)
            self.scaling = self.scaling.after(finite=finite)
            if not finite:
                self.backend.skip_step(self.optimizer)
                return False
        self.processes.step(self.optimizer)
        if self.masters is not None:
            self.masters.write_back()
        return True

"""Following: one side shows, update by update, what it makes of the states of a leading run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from dualtrain.backend import Backend, train_as_chosen
from dualtrain.data import PreparedData
from dualtrain.errors import PlanError
from dualtrain.listing import listed
from dualtrain.lockstep import (
    Led,
    Move,
    Pass,
    Shown,
    probe_state,
    read_led,
    read_states,
)
from dualtrain.plan import Plan
from dualtrain.printable import printable
from dualtrain.spec import Spec
from dualtrain.state import Arrays, RunState
from dualtrain.training.checks._before import task_of
from dualtrain.training.loop._epochs import Batches, Epochs
from dualtrain.training.loop._objective import LossSum, Objective, objective_of
from dualtrain.training.run._header import describe
from dualtrain.training.run._journal import AppliedUpdate
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._run import Run
from dualtrain.training.sides._start import backend_for
from dualtrain.training.sides._task_side import TaskSide, begin_task
from dualtrain.training.states._passes import Group, Passes
from dualtrain.training.states._rounding import Rounding
from dualtrain.training.states._wide import WidePasses, random_in, without_random

__all__ = ["Follower", "follow", "follow_task"]


def follow(
    spec: Spec,
    model: Any,
    batches: Batches,
    *,
    states: Path | str,
    backend: str | None = None,
    loss: LossSum | None = None,
) -> Iterator[Shown]:
    """Show what a model of yours makes of each update in a folder that `fit(states=)` has left.

    Each is made anew from the leading run's state, by its gradients, in the real loop. The model
    has other weights then.

    spec, batches, backend, loss: as for `fit`; this side's own. states: the folder.

    Raises `StatesError` for a folder that is none, `CheckpointError` for one of another model,
    `PlanError` for one of another kind of run.
    """
    epochs = Epochs(batches)
    verbs = backend_for(model, backend)
    device = verbs.open_device(spec.device)
    parameters = verbs.parameters(model)
    plan = Plan.of(spec, micro_batches_per_epoch=epochs.count, parameters=parameters)
    follower = Follower(
        plan,
        verbs.place(model, device),
        backend=verbs,
        device=device,
        objective=lambda run: objective_of(run, loss),
        states=Path(states),
    )
    return _shown(follower, epochs)


def follow_task(
    spec: Spec,
    backend: str,
    *,
    states: Path | str,
    model: Any = None,
    loss: LossSum | None = None,
    data: PreparedData[Any] | None = None,
    without_randomness: bool = True,
    observer: Observer | None = None,
) -> Iterator[Shown]:
    """Show what one backend makes of each update in a folder that `train(states=)` has left.

    Before the first `observer.ready` is told what this side is. At the end `observer.evaluated` is
    told how the leading run's last weights do here: both sides evaluate the same ones, with
    `spec.ema` their averages.

    The other arguments are those of `train`; raises what `follow` raises.
    """
    side = begin_task(
        spec, backend, own_model=model, data=data, without_randomness=without_randomness
    )
    follower = Follower(
        side.start.plan,
        side.start.model,
        backend=side.backend,
        device=side.device,
        objective=lambda run: side.objective(run, loss),
        states=Path(states),
    )
    return _shown(follower, side.epochs, side, observer)


def _shown(
    follower: Follower,
    epochs: Epochs,
    side: TaskSide | None = None,
    observer: Observer | None = None,
) -> Iterator[Shown]:
    """Each judged update, in order, then the evaluation."""
    own = nullcontext() if side is None else task_of(side.spec).running(side.data)
    if side is not None:
        follower.run.code = side.data.code
    with follower, own:
        if observer is not None:
            observer.ready(describe(follower.run))
        yield from follower.shown(epochs)
        if side is not None and observer is not None and follower.last is not None:
            follower.run.restore(follower.last)
            with follower.run.averaged():
                score = side.score(follower.run)
            if score is not None:
                observer.evaluated(score)


class Follower:
    """The runs of a side that follows: its own, and one in float64."""

    def __init__(
        self,
        plan: Plan,
        model: Any,
        *,
        backend: Backend,
        device: Any,
        objective: Callable[[Run], Objective],
        states: Path,
    ) -> None:
        self._folder, self._states = states, read_states(states)
        wide, self._narrow = _copied(model, backend)  # before its own run casts the model
        self.run = Run(plan, model, backend=backend, device=device, measure=True)
        assert self.run.clip is not None, "a run that measures has one"
        self._clip, self._clip.keeps = self.run.clip, True
        train_as_chosen(model, backend.modules(model))
        self._passes = Passes(self.run, objective(self.run))
        self._rounding = Rounding(self._passes)
        self._wide: WidePasses | None = None
        if wide is not None:
            self._wide, self._narrow = _begun(plan, wide, self.run, objective)
        self._random = ""
        self._looked = 0
        self.last: RunState | None = None
        """The leading run's state after the last update shown."""

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *error: Any) -> None:
        self.run.close()
        if self._wide is not None:
            self._wide.close()

    def shown(self, epochs: Epochs) -> Iterator[Shown]:
        """Each judged update, in order."""
        for attempt, group in _groups(self.run.plan, epochs, self._states.judged):
            led = read_led(self._folder, attempt)
            self._check_place(led)
            yield self._show(led, group)
            self.last = led.after

    def _show(self, led: Led, group: Group) -> Shown:
        passed, moved, digests = self._moved(led, group)
        wide = self._in_float64(led.before, group, passed)
        self._look(led.before, group, passed, wide)
        nudges, reached = self._rounding.explored(led, group, passed, wide)
        return Shown(
            attempt=led.attempt,
            batches=digests,
            passed=passed,
            wide=wide,
            narrow=self._narrow,
            random=self._random,
            moved=moved,
            probe=self._probe(*probe_state(led.before, led.passed.gradients)),
            nudges=nudges,
            reached=reached,
        )

    def _moved(self, led: Led, group: Group) -> tuple[Pass, Move, tuple[str, ...]]:
        """The update in the real loop, and what it began with."""
        self.run.restore(led.before)
        before = self.run.state()
        handed = led.passed.gradients
        passed, made = self._passes.update(group, handed)
        return passed, self._move(before, handed, made.applied), made.digests

    def _probe(self, state: RunState, handed: Arrays) -> Move:
        """The rule alone, from a state made up."""
        self.run.restore(state)
        before = self.run.state()
        return self._move(before, handed, self.run.move(handed))

    def _move(self, before: RunState, handed: Arrays, applied: AppliedUpdate) -> Move:
        """What an update that was just made has shown."""
        run, after = self.run, self.run.state()
        norm = applied.grad_norm
        return Move(
            before=before,
            handed=handed,
            lr=applied.lr,
            momentum=applied.momentum,
            skipped=applied.skipped,
            norm=None if norm is None else run.backend.numbers([norm])[0],
            clipped={} if applied.skipped else run.backend.clipped_gradients(run.model, self._clip),
            scalars=run.backend.scalars(run.optimizer, before.tensors, after.tensors),
            after=after,
        )

    def _in_float64(self, state: RunState, group: Group, passed: Pass) -> Pass | None:
        """The pass in float64; none from the first on that cannot be made."""
        if self._wide is None:
            return None
        try:
            wide = self._wide.alone(state, group)
        except Exception as error:  # whatever a model of the user's own may do
            why = _told(error)
        else:
            missing = sorted(wide.gradients.keys() ^ passed.gradients.keys())
            if not missing:
                return wide
            why = f"its copy does not train what it trains, {listed(missing)}"
        self._wide.close()
        self._wide, self._narrow = None, f"{_NOT_WIDE}: {why}"
        return None

    def _look(self, state: RunState, group: Group, passed: Pass, wide: Pass | None) -> None:
        """See at the first updates whether float32 computes inside, and whether passes repeat.

        Two of them: behind a layer whose weights are 0 at first there is no gradient.
        """
        finite = all(np.isfinite(gradient).all() for gradient in passed.gradients.values())
        if self._looked == _LOOKS or not finite:
            return
        self._looked += 1
        if self._wide is not None and wide is not None:
            self._random = self._random or self._wide.random(state, group, wide)
            self._narrow = self._narrow or (
                "" if self._random else self._wide.narrow(state, group, wide)
            )
        elif not self._random:
            again = self._passes.alone(without_random(state), group)
            self._random = random_in(again, passed, _NOISE)

    def _check_place(self, led: Led) -> None:
        """Refuse an update that does not stand where this side's plan has it."""
        plan, first = self.run.plan, self.run.plan.group(led.attempt).start
        place = plan.place(led.attempt // plan.updates_per_epoch, first)
        if (led.before.epoch, led.before.micro_batch) != place:
            raise PlanError(
                "a run must be followed with as many micro-batches an epoch, and an update, as it "
                f"had. Update {led.attempt}: expected epoch {led.before.epoch}, micro-batch "
                f"{led.before.micro_batch}. Received: epoch {place[0]}, micro-batch {place[1]}"
            )


_LOOKS = 2
_NOISE = 1e-3
"""Of the whole gradient, in a run's own types: more than kernels that add in any order leave."""


def _groups(plan: Plan, epochs: Epochs, judged: Sequence[int]) -> Iterator[tuple[int, Group]]:
    """(update, its micro-batches) for those that are judged; of other epochs none are drawn."""
    drawn = -1
    coming: Iterator[tuple[int, Any]] = iter(())
    for attempt in judged:
        epoch, group = attempt // plan.updates_per_epoch, plan.group(attempt)
        batches: dict[int, Any] = {}
        for index in group:
            of, place = plan.place(epoch, index)
            if of != drawn:
                drawn, coming = of, enumerate(epochs.of(of))
            batches[index] = next(batch for at, batch in coming if at == place)
        yield attempt, Group(epoch, batches)


def _copied(model: Any, backend: Backend) -> tuple[Any, str]:
    """A model in float64, or why there is none."""
    try:
        return backend.widened(model), ""
    except Exception as error:  # whatever a model of the user's own may hold
        return None, f"{_NOT_WIDE}: {_told(error)}"


def _begun(
    plan: Plan, wide: Any, own: Run, objective: Callable[[Run], Objective]
) -> tuple[WidePasses | None, str]:
    """The run of a model in float64, or why there is none."""
    try:
        return WidePasses(plan, wide, own, objective), ""
    except Exception as error:  # a framework may lack the optimizer there
        return None, f"{_NOT_WIDE}: {_told(error)}"


_NOT_WIDE = "the model cannot be in float64"


def _told(error: Exception) -> str:
    """In one line."""
    return printable(f"{type(error).__name__}: {error}")

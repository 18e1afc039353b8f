"""The state of a run: taken from it between two updates, and given to another of its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dualtrain.backend import Averages, Backend
from dualtrain.errors import PlanError
from dualtrain.spec import Spec
from dualtrain.state import RunState, TensorState

if TYPE_CHECKING:
    from dualtrain.training.run._run import Run

__all__ = ["averages_of", "restore", "state_of"]


def averages_of(backend: Backend, spec: Spec, model: Any) -> Averages | None:
    """The averages that a spec asks for; they start as the weights of now."""
    if spec.ema is None:
        return None
    return backend.build_averages(model, statistics=spec.ema.statistics)


def state_of(run: Run) -> RunState:
    """What `Run.state` gives."""
    _check_between_updates(run, run.micro_batch, inside=run.is_inside)
    averages = {}
    if run.averages is not None:
        with run.averages.applied():
            weights = run.backend.dump_state(run.model).weights
        averages = {name: weights[name] for name in _averaged(run)}
    stopping, kept = (None, None) if run.monitor is None else run.monitor.states()
    return RunState(
        backend=run.backend.NAME,
        rule=_rule(run),
        t=run.t,
        attempts=run.attempts,
        skipped=run.skipped,
        epoch=run.epoch,
        micro_batch=run.micro_batch,
        tensors=run.backend.dump_state(run.model, run.optimizer),
        averages=averages,
        averaged=run.averaged_updates,
        loss_scale=None if run.scaling is None else run.scaling.state(),
        plateau=None if run.plateau is None else run.plateau.state(),
        stopping=stopping,
        best=run.best,
        kept=kept,
    )


def restore(run: Run, state: RunState) -> None:
    """What `Run.restore` does."""
    _check_fit(run, state)
    tensors = state.tensors
    if state.backend != run.backend.NAME:
        tensors = replace(tensors, own={})
    if run.averages is not None:
        weights = {**tensors.weights, **state.averages}
        run.backend.load_state(run.model, None, TensorState(weights=weights))
        run.averages = averages_of(run.backend, run.plan.spec, run.model)
    run.backend.load_state(run.model, run.optimizer, tensors)
    if run.plateau is not None and state.plateau is not None:
        run.plateau.restore(state.plateau)
    if run.scaling is not None and state.loss_scale is not None:
        run.scaling = run.scaling.restored(state.loss_scale)
    if run.monitor is not None:
        run.monitor.restore(state.stopping, state.kept)
        run.ending = run.monitor.reason
    run.best = state.best
    run.skipped, run.attempts = state.skipped, state.attempts
    run.averaged_updates = state.averaged
    run.epoch, run.micro_batch = state.epoch, state.micro_batch
    run.drop_group()
    if run.t != state.t or run.plateau is not None:  # else the schedule stands there, as built
        run.set_clock(state.t)


def _check_between_updates(run: Run, micro_batch: int, *, inside: bool) -> None:
    """Raise `PlanError` where there are averages in the model, or gradients of a group."""
    if run.shows_averages or inside:
        batch, count = run.plan.spec.batch, micro_batch or run.plan.micro_batches_per_epoch
        where = f"{count % batch.accumulate} of a group's {batch.accumulate} micro-batches made"
        raise PlanError(
            "a run has a state between two updates, outside averaged(). "
            f"Received: {'a call in averaged()' if run.shows_averages else where}"
        )


def _check_fit(run: Run, state: RunState) -> None:
    """Raise `PlanError` for the state of a run that this plan could not have had."""
    batch = run.plan.spec.batch
    group, rest = divmod(state.micro_batch, batch.accumulate)
    inside = rest > 0 and (batch.tail == "leak" or group < len(run.groups))
    _check_between_updates(run, state.micro_batch, inside=inside)
    trained = _trained(run)
    last = run.plan.micro_batches_per_epoch - 1
    for what, expected, received in (
        ("optimizer", _rule(run), state.rule),
        ("place in the epoch", f"at most {last}", f"at most {max(last, state.micro_batch)}"),
        ("averages", sorted(_averaged(run)), sorted(state.averages)),
        ("loss scale", run.scaling is not None, state.loss_scale is not None),
        ("plateau of metrics", run.plateau is not None, state.plateau is not None),
        ("parameters that do not train", [], sorted(state.tensors.optimizer.keys() - trained)),
        ("optimizer's arrays of another shape", [], state.misshapen()),
    ):
        if expected != received:
            raise PlanError(
                "a state must be that of a run of the same kind and model. "
                f"{what.capitalize()}: expected {expected}. Received: {received}"
            )


def _rule(run: Run) -> str:
    """The optimizer's name, and what of its settings changes the state that it keeps."""
    settings = run.plan.spec.optimizer
    return ", ".join([settings.name, *(n for n, value in settings if value is True)])


def _trained(run: Run) -> set[str]:
    """Canonical names of the parameters that train."""
    assert run.plan.ledger is not None, "the plan of a run is made with its parameters"
    return {row.parameter.name for row in run.plan.ledger.rows if row.trains}


def _averaged(run: Run) -> set[str]:
    """Canonical names of what is averaged."""
    ema = run.plan.spec.ema
    if ema is None:
        return set()
    return _trained(run) | (
        run.backend.dump_statistics(run.model).keys() if ema.statistics else set()
    )

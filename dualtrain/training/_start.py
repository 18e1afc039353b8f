"""A run on a model of the user's, begun: for `fit`, and for a loop of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dualtrain.backend import Backend, backend_of, load_backend
from dualtrain.errors import BackendError
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.training._header import describe
from dualtrain.training._journal import Journal
from dualtrain.training._outputs import check_outputs
from dualtrain.training._processes import Processes, alone, device_of
from dualtrain.training._recorder import recorded
from dualtrain.training._run import Run

__all__ = ["backend_for", "begin", "start"]


def start(
    spec: Spec,
    model: Any,
    *,
    micro_batches_per_epoch: int,
    backend: str | None = None,
    measure: bool = False,
    trace: Path | str | None = None,
    output: Path | str | None = None,
) -> Run:
    """Begin a run on a model of yours: build the native optimizer and schedule.

    backend: a name; when absent it follows from the type of the model.
    measure: take the gradient norms before and after clipping at each update; a trace has them.
    trace: file for the trace, begun here, so load weights before. It has the losses that `step` was
        given, and no digests of the batches, which the run never sees.
    output: folder for the weights, as `fit` writes them.
    The model is moved to `spec.device`; modes, training or evaluation, are your loop's affair.
    `spec.seed` seeds the framework's random numbers here.

    With a trace or an output, end the run: leave it as a context, or call `close`.

    >>> with dualtrain.start(
    ...     spec, model, micro_batches_per_epoch=len(batches), trace="trace.jsonl"
    ... ) as run:
    ...     for batch in batches:
    ...         with run.autocast():
    ...             loss = model(**batch).loss
    ...         applied = run.step(loss)
    """
    check_outputs(trace, output)
    run = begin(
        spec,
        model,
        micro_batches_per_epoch,
        backend=backend,
        measure=measure or trace is not None,
    )
    if trace is not None or output is not None:
        try:
            run.enter(_steps_recorded(run, trace, output))
        except BaseException:
            run.close()  # the model has its own rule of batch norm again
            raise
    return run


def begin(
    spec: Spec,
    model: Any,
    micro_batches_per_epoch: int,
    *,
    backend: str | None,
    measure: bool,
    processes: Processes | None = None,
) -> Run:
    """The run, unrecorded."""
    verbs = backend_for(model, backend)
    processes = processes or alone(verbs)
    device = verbs.open_device(device_of(spec, processes.world))
    plan = Plan.of(
        spec,
        micro_batches_per_epoch=micro_batches_per_epoch,
        world_size=processes.world.size,
        parameters=verbs.parameters(model),
    )
    return Run(
        plan,
        verbs.place(model, device),
        backend=verbs,
        device=device,
        measure=measure,
        processes=processes,
    )


@contextmanager
def _steps_recorded(
    run: Run, trace: Path | str | None, output: Path | str | None
) -> Iterator[None]:
    """The context in which a run's steps are put down."""
    header = None if trace is None else describe(run)
    run.is_traced = trace is not None
    with (
        recorded(run, header, trace=trace, output=output) as observers,
        Journal(run.backend, observers, run.plan.total_updates) as run.journal,
    ):
        yield


def backend_for(model: Any, name: str | None) -> Backend:
    """The backend of a model; a name that says otherwise is a mistake."""
    found = backend_of(model)
    if name is not None and load_backend(name).NAME != found.NAME:
        raise BackendError(f"backend must be that of the model, {found.NAME!r}. Received: {name!r}")
    return found

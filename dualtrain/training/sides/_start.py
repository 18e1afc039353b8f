"""A run on a model of the user's, begun: for `fit`, and for a loop of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dualtrain.backend import Backend, backend_of, load_backend
from dualtrain.checkpoints import newest
from dualtrain.errors import BackendError
from dualtrain.plan import Plan
from dualtrain.spec import Spec
from dualtrain.trace import Header
from dualtrain.training.checks._outputs import check_outputs
from dualtrain.training.observers._recorder import recorded
from dualtrain.training.processes import Processes, alone, device_of
from dualtrain.training.run._header import describe
from dualtrain.training.run._journal import Journal
from dualtrain.training.run._run import Run
from dualtrain.training.turns._kept import Kept, kept_in

__all__ = ["backend_for", "begin", "resume", "start"]


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
    run.is_timed = True
    if trace is not None or output is not None:
        kept = Kept(trace=None if trace is None else Path(trace))
        with _closed_if_not(run):
            run.enter(_steps_recorded(run, kept, output))
    return run


def resume(
    folder: Path | str,
    model: Any,
    *,
    spec: Spec | None = None,
    micro_batches_per_epoch: int | None = None,
    backend: str | None = None,
    measure: bool = False,
    trace: Path | str | None = None,
    output: Path | str | None = None,
    allow_spec_change: bool = False,
) -> Run:
    """Go on with a run from the newest checkpoint in a folder, in a loop of your own.

    model: one like the run's, of either framework; it takes the weights of the checkpoint.
    spec, micro_batches_per_epoch: those of the checkpoint if absent; see `allow_spec_change` of
        `fit`.
    trace: goes on, where the run had one; another file takes over what it has.
    The rest is as for `start`. The run stands at `run.epoch` and `run.micro_batch`: pass over so
    many micro-batches of that epoch. `run.save(folder)` goes on in the same folder.

    Raises `CheckpointError` for a folder without a whole checkpoint, and of another model.

    >>> run = dualtrain.resume("checkpoints", model)
    >>> for epoch in range(run.epoch, 3):
    ...     for batch in list(batches)[run.micro_batch :]:
    ...         applied = run.step(loss_of(model, batch))
    """
    check_outputs(trace, output)
    with ExitStack() as opened:
        words: dict[str, Any] = {"resume": True, "allow_spec_change": allow_spec_change}
        kept = opened.enter_context(kept_in(folder, spec, trace=trace, output=output, **words))
        resumed = kept.resumed or newest(Path(folder))[1]  # says what is wrong
        run = begin(
            spec or resumed.spec,
            model,
            micro_batches_per_epoch or resumed.micro_batches,
            backend=backend,
            measure=measure or kept.trace is not None,
        )
        with _closed_if_not(run):
            header = kept.stand(run)
            run.is_timed = True
            run.enter(opened.pop_all())
            assert kept.keeper is not None, "it has the folder"
            run.keep(kept.keeper)
            if header is not None or output is not None:
                run.enter(_steps_recorded(run, kept, output, header))
    return run


@contextmanager
def _closed_if_not(run: Run) -> Iterator[None]:
    """A block that may fail: the model has its own rule of batch norm again then."""
    try:
        yield
    except BaseException:
        run.close()
        raise


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
    run: Run, kept: Kept, output: Path | str | None, header: Header | None = None
) -> Iterator[None]:
    """The context in which a run's steps are put down."""
    run.is_traced = kept.trace is not None
    if run.is_traced and header is None:
        header = describe(run)
    with (
        recorded(run, header, kept=kept, output=output) as observers,
        Journal(run.backend, observers, run.plan.total_updates) as run.journal,
    ):
        yield


def backend_for(model: Any, name: str | None) -> Backend:
    """The backend of a model; a name that says otherwise is a mistake."""
    found = backend_of(model)
    if name is not None and load_backend(name).NAME != found.NAME:
        raise BackendError(f"backend must be that of the model, {found.NAME!r}. Received: {name!r}")
    return found

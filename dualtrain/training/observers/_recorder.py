"""The files of one run: its trace, and the initial and final weights that the trace names.

`recorded` is the frame of every run that is observed, whoever makes its updates.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dualtrain.aside import write_aside
from dualtrain.checkpoints import Keeper
from dualtrain.errors import OutputError
from dualtrain.files import reason
from dualtrain.outputs import check_room, drafted, publish
from dualtrain.state import Arrays
from dualtrain.tasks import Score
from dualtrain.trace import (
    DONE,
    End,
    Evaluation,
    Header,
    TraceMark,
    TraceWriter,
    Update,
    weights_digest,
)
from dualtrain.training.checks._outputs import (
    AVERAGES,
    BEST,
    FINAL_WEIGHTS,
    INITIAL_WEIGHTS,
    OUTPUT,
)
from dualtrain.training.observers._callbacks import Callback, called
from dualtrain.training.observers._save import save_weights, weights_size
from dualtrain.training.observers._watch import Watch
from dualtrain.training.run._observer import Observer
from dualtrain.training.run._run import Run
from dualtrain.training.turns._kept import Kept

__all__ = ["Recorder", "Save", "recorded"]

Save = Callable[[Path], None]
"""Writes into a folder what a trained model consists of beside its weights."""


class Recorder(Observer):
    """Writes the files of a run as it goes; a context manager.

    trace: file for the trace, begun by `ready`; it grows as the run goes.
    output: folder for the final weights and their averages, if there are any, and with a trace for
        the initial weights, under canonical names, beside what `save` writes. Until the run has
        ended well all of it is a draft, and what an earlier run has left stays as it was. Without
        both nothing is written. Of several processes the first one writes.
    keeper: of the run's checkpoints. They keep the initial weights of a run with a trace, for the
        output of one that goes on.
    rows: what the trace of a run that goes on begins with.

    Raises `OutputError`: before the first update for what cannot be written, or has no room;
    later for what failed, with what is left of the run.
    """

    def __init__(
        self,
        run: Run,
        *,
        trace: Path | str | None = None,
        output: Path | str | None = None,
        save: Save | None = None,
        keeper: Keeper | None = None,
        rows: TraceMark | None = None,
    ) -> None:
        self._run, self._keeper, self._rows = run, keeper, rows
        self._writes = run.processes.world.leads
        self._trace = None if trace is None else Path(trace)
        self._output = None if output is None else Path(output)
        self._save_rest = save
        self._open = ExitStack()
        self._draft: Path | None = None
        self._writer: TraceWriter | None = None
        self._written = 0 if rows is None else rows.updates
        self._is_saved = False

    def __enter__(self) -> Recorder:
        if (
            self._output is not None and self._writes
        ):  # now: one that cannot be made must not cost a training run
            with ExitStack() as opened:
                self._draft = opened.enter_context(drafted(self._output, OUTPUT))
                check_room(self._output, self._bytes(), "the weights")
                self._open = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def ready(self, header: Header) -> None:
        """Begin the trace, and write the initial weights."""
        if self._trace is not None:
            self._save_initial()
            if not self._writes:
                return
            with self._writing("the trace", self._trace):
                writer = TraceWriter(self._trace, header, rows=self._rows)  # last: nothing is left
            self._writer = self._open.enter_context(writer)
            self._run.mark = self._mark

    def updated(self, update: Update, total: int) -> None:
        """Record one update."""
        if self._writer is not None:
            with self._writing("the trace", self._trace):
                self._writer.update(update)
            self._written += 1

    def evaluated(self, score: Score) -> None:
        """Record one evaluation."""
        if self._writer is not None:
            evaluation = Evaluation(
                t=self._run.t,
                examples=score.examples,
                loss=score.loss,
                correct=score.correct,
                metrics=dict(score.metrics),
            )
            with self._writing("the trace", self._trace):
                self._writer.evaluation(evaluation)

    def ended(self) -> None:
        """Record the final weights and the end of the run."""
        digest, averages, averages_digest = self._save(FINAL_WEIGHTS), None, None
        if self._run.averages is not None:
            with self._run.averaged():
                averages, averages_digest = self._relative(AVERAGES), self._save(AVERAGES)
        if self._run.best:
            self._save(BEST, self._run.best)
        self._publish()
        if self._writer is not None:
            end = End(
                reason=self._reason(),
                skipped=self._run.skipped,
                weights=self._relative(FINAL_WEIGHTS),
                initial_weights=self._relative(INITIAL_WEIGHTS),
                weights_digest=digest,
                averages=averages,
                averages_digest=averages_digest,
            )
            with self._writing("the end of the trace", self._trace):
                self._writer.end(end)

    def left(self) -> str:
        """What there is of a run that goes no further, as a message says it."""
        trace = "no trace"
        if self._writer is not None:
            total = self._run.plan.total_updates
            trace = f"the trace {self._trace}, with {self._written} of {total} updates"
        weights = f"the trained model in {self._output}" if self._is_saved else "no weights"
        kept = "" if self._keeper is None else f"; {self._keeper.left()}"
        return f"left of the run: {trace}; {weights}{kept}"

    def _mark(self) -> TraceMark:
        """Up to where the trace is written."""
        assert self._writer is not None, "a run with a trace has one"
        with self._writing("the trace", self._trace):
            return self._writer.mark()

    def _reason(self) -> str:
        """Why it ended: a loop of one's own may be left before the plan's last update."""
        if self._run.ending is not None:
            return self._run.ending
        plan, made = self._run.plan, self._run.attempts
        return DONE if self._run.is_over else f"closed after {made} of {plan.total_updates} updates"

    def _save_initial(self) -> None:
        """Write the initial weights, those of now, or of a run that goes on those that are kept."""
        kept = None if self._keeper is None else self._keeper.initial
        if self._rows is None:
            self._save(INITIAL_WEIGHTS)
            if kept is not None:
                weights = self._run.backend.dump_weights(self._run.model)
                if self._writes:
                    with self._writing("the initial weights", kept):
                        save_weights(kept, weights)
        elif self._draft is not None:
            if kept is None or not kept.is_file():
                raise OutputError(
                    f"{self._output}: {OUTPUT} of a run with a trace has its initial weights, "
                    f"which the checkpoints of this one lack: leave one of the two out. "
                    f"Received: no {kept}"
                )
            with (
                self._writing("the weights", self._output),
                write_aside(self._draft / INITIAL_WEIGHTS) as aside,
            ):
                shutil.copyfile(kept, aside)

    def _save(self, file: str, weights: Arrays | None = None) -> str | None:
        """Write weights, absent those of now, if there is a folder for them; their digest."""
        if self._output is None:
            return None
        if weights is None:  # in every process: each may hold a part
            weights = self._run.backend.dump_weights(self._run.model)
        if self._draft is None:
            return None
        with self._writing("the weights", self._output):
            save_weights(self._draft / file, weights)
        return weights_digest(weights)

    def _publish(self) -> None:
        if self._draft is None or self._output is None:
            return
        with self._writing("the trained model", self._output):
            if self._save_rest is not None:
                self._save_rest(self._draft)
            publish(self._draft, self._output)
        self._is_saved = True

    def _relative(self, file: str) -> str | None:
        """The file as seen from the trace's folder."""
        if self._output is None or self._trace is None:
            return None
        return Path(os.path.relpath(self._output / file, self._trace.parent)).as_posix()

    def _bytes(self) -> int:
        """Of all weights that will be written."""
        ledger = self._run.plan.ledger
        assert ledger is not None, "a run has the ledger of its model"
        files = 1 + (self._trace is not None) + (self._run.averages is not None)
        files += self._run.plan.spec.best is not None
        return files * weights_size(row.parameter.shape for row in ledger.rows)

    @contextmanager
    def _writing(self, what: str, path: Path | None) -> Iterator[None]:
        """Let what cannot be written say what is left."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{path}: {what} cannot be written. Received: {reason(error)}", self.left()
            ) from error


@contextmanager
def recorded(
    run: Run,
    header: Header | None,
    *observers: Observer | None,
    kept: Kept,
    output: Path | str | None,
    save: Save | None = None,
    callbacks: Sequence[Callback] = (),
) -> Iterator[list[Observer]]:
    """All that observe a run, the warnings and the files among them, from its begin to its end.

    header: of the trace, if there is one. kept: where the run goes on, and its trace. callbacks:
    the user's.

    Who is left by an error is not told of an end, but by an end from outside, Ctrl-C, of what is
    left of the run.
    """
    files: dict[str, Any] = {"trace": kept.trace, "keeper": kept.keeper, "rows": kept.rows}
    with Recorder(run, output=output, save=save, **files) as recorder:
        told: list[Observer] = [
            Watch(run),
            *(one for one in observers if one is not None),
            recorder,
        ]
        try:
            if header is not None:
                for observer in told:
                    observer.ready(header)
            run.processes.meet()
            with called(run, callbacks) as more:
                told += more  # last: what one of them breaks off is written down
                yield told
                for observer in told:
                    observer.ended()
        except (KeyboardInterrupt, SystemExit):
            for observer in told:
                observer.interrupted(recorder.left())
            raise

"""The files of one run: its trace, and the initial and final weights that the trace names.

`recorded` is the frame of every run that is observed, whoever makes its updates.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dualtrain.tasks import Score
from dualtrain.trace import DONE, End, Evaluation, Header, TraceWriter, Update, weights_digest
from dualtrain.training._observer import Observer
from dualtrain.training._run import Run
from dualtrain.training._save import save_weights
from dualtrain.training._watch import Watch

__all__ = ["Recorder", "recorded"]

INITIAL_WEIGHTS = "initial.safetensors"
FINAL_WEIGHTS = "model.safetensors"
AVERAGES = "ema.safetensors"


class Recorder(Observer):
    """Writes the files of a run as it goes; a context manager.

    trace: file for the trace, begun by `ready`; it grows as the run goes.
    output: folder for the final weights and their averages, if there are any, and with a trace for
        the initial weights, under canonical names. Without both nothing is written.
    """

    def __init__(
        self, run: Run, *, trace: Path | str | None = None, output: Path | str | None = None
    ) -> None:
        self._run = run
        self._trace = None if trace is None else Path(trace)
        self._output = None if output is None else Path(output)
        self._writer: TraceWriter | None = None

    def __enter__(self) -> Recorder:
        if self._output is not None:  # now: one that cannot be made must not cost a training run
            self._output.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def ready(self, header: Header) -> None:
        """Begin the trace, and write the initial weights."""
        if self._trace is not None:
            self._save(INITIAL_WEIGHTS)
            self._writer = TraceWriter(self._trace, header)  # last: nothing is left if not

    def updated(self, update: Update, total: int) -> None:
        """Record one update."""
        if self._writer is not None:
            self._writer.update(update)

    def evaluated(self, score: Score) -> None:
        """Record one evaluation."""
        if self._writer is not None:
            self._writer.evaluation(
                Evaluation(
                    t=self._run.t,
                    examples=score.examples,
                    loss=score.loss,
                    correct=score.correct,
                    metrics=dict(score.metrics),
                )
            )

    def ended(self) -> None:
        """Record the final weights and the end of the run."""
        digest, averages, averages_digest = self._save(FINAL_WEIGHTS), None, None
        if self._run.averages is not None:
            with self._run.averaged():
                averages, averages_digest = self._relative(AVERAGES), self._save(AVERAGES)
        if self._writer is not None:
            self._writer.end(
                End(
                    reason=self._reason(),
                    skipped=self._run.skipped,
                    weights=self._relative(FINAL_WEIGHTS),
                    initial_weights=self._relative(INITIAL_WEIGHTS),
                    weights_digest=digest,
                    averages=averages,
                    averages_digest=averages_digest,
                )
            )

    def _reason(self) -> str:
        """Why it ended: a loop of one's own may be left before the plan's last update."""
        plan, made = self._run.plan, self._run.attempts
        return DONE if self._run.is_over else f"closed after {made} of {plan.total_updates} updates"

    def _save(self, file: str) -> str | None:
        """Write the weights as they are now, if there is a folder for them; their digest."""
        if self._output is None:
            return None
        weights = self._run.backend.dump_weights(self._run.model)
        save_weights(self._output / file, weights)
        return weights_digest(weights)

    def _relative(self, file: str) -> str | None:
        """The file as seen from the trace's folder."""
        if self._output is None or self._trace is None:
            return None
        return Path(os.path.relpath(self._output / file, self._trace.parent)).as_posix()


@contextmanager
def recorded(
    run: Run,
    header: Header | None,
    *observers: Observer | None,
    trace: Path | str | None,
    output: Path | str | None,
) -> Iterator[list[Observer]]:
    """All that observe a run, the warnings and the files among them, from its begin to its end.

    header: of the trace, if there is one. Who is left by an error is not told of an end.
    """
    with Recorder(run, trace=trace, output=output) as recorder:
        told = [Watch(run), *(one for one in observers if one is not None), recorder]
        if header is not None:
            for observer in told:
                observer.ready(header)
        yield told
        for observer in told:
            observer.ended()

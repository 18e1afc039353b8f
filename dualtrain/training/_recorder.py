"""The files of one run: its trace, and the initial and final weights that the trace names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualtrain.model import save_weights
from dualtrain.trace import DONE, End, Evaluation, Header, TraceWriter, Update, weights_digest
from dualtrain.training._run import Run

__all__ = ["Recorder", "Score"]

INITIAL_WEIGHTS = "initial.safetensors"
FINAL_WEIGHTS = "model.safetensors"
AVERAGES = "ema.safetensors"


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a trained model does on the held-out split."""

    correct: int
    total: int
    loss: float
    """Mean cross-entropy."""


class Recorder:
    """Writes the files of a run as it goes; a context manager.

    trace: file for the trace, with `header` as its first line; it grows as the run goes.
    output: folder for the final weights and their averages, if there are any, and with a trace for
        the initial weights, under canonical names. Without both nothing is written.
    """

    def __init__(
        self, run: Run, header: Header | None, *, trace: Path | None, output: Path | None
    ) -> None:
        self._run, self._header, self._trace, self._output = run, header, trace, output
        self._writer: TraceWriter | None = None

    def __enter__(self) -> Recorder:
        if self._output is not None:  # now: one that cannot be made must not cost a training run
            self._output.mkdir(parents=True, exist_ok=True)
        if self._trace is not None and self._header is not None:
            self._save(INITIAL_WEIGHTS)
            self._writer = TraceWriter(self._trace, self._header)  # last: nothing is left if not
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def update(self, update: Update) -> None:
        """Record one update."""
        if self._writer is not None:
            self._writer.update(update)

    def end(self, score: Score | None = None) -> None:
        """Record the final weights and the end of the run."""
        digest, averages, averages_digest = self._save(FINAL_WEIGHTS), None, None
        if self._run.averages is not None:
            with self._run.averaged():
                averages, averages_digest = self._relative(AVERAGES), self._save(AVERAGES)
        if self._writer is not None:
            if score is not None:
                self._writer.evaluation(
                    Evaluation(
                        t=self._run.t,
                        examples=score.total,
                        loss=score.loss,
                        correct=score.correct,
                    )
                )
            self._writer.end(
                End(
                    reason=DONE,
                    skipped=self._run.skipped,
                    weights=self._relative(FINAL_WEIGHTS),
                    initial_weights=self._relative(INITIAL_WEIGHTS),
                    weights_digest=digest,
                    averages=averages,
                    averages_digest=averages_digest,
                )
            )

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

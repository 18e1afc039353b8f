"""What a run has come to, beside its score: where it ended before its plan, and its best."""

from __future__ import annotations

from dualtrain.printable import escaped
from dualtrain.training import Callback, Run

__all__ = ["RunEnd"]


class RunEnd(Callback):
    """Keeps the lines that are printed below the progress; none of a run as it was planned."""

    everywhere = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    def ended(self, run: Run) -> None:
        """Say why it ended, and which evaluation was the best."""
        if run.ending is not None:
            made = f"{run.attempts} of {run.plan.total_updates} updates"
            self.lines.append(f"ended after {made} by {escaped(run.ending)}")
        word = run.plan.spec.best
        kept = None if run.monitor is None else run.monitor.states()[1]
        if word is not None and kept is not None and kept.best is not None:
            self.lines.append(f"best {word.metric} {kept.best:.4f}, after {kept.at} updates")

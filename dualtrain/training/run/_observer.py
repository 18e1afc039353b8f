"""Who is told what happens in a run: recording, progress, warnings, the metric of a plateau."""

from __future__ import annotations

from collections.abc import Sequence

from dualtrain.tasks import Score
from dualtrain.trace import Header, Update

__all__ = ["Observer"]


class Observer:
    """What a caller may want to know while a run goes on; this one does nothing."""

    def notes(self, notes: Sequence[str]) -> None:
        """Called before the first update with what became of the checkpoint: plain sentences."""

    def ready(self, header: Header) -> None:
        """Called before the first update of a run with a trace; raise to stop."""

    def updated(self, update: Update, total: int) -> None:
        """Called for each update of `total`, some time after it was made."""

    def at_once(self) -> bool:
        """Whether each update is to be told before the next one is made; asked after each."""
        return False

    def evaluated(self, score: Score) -> None:
        """Called with each score on the held-out split."""

    def ended(self) -> None:
        """Called after all else, once the run has ended well."""

    def interrupted(self, left: str) -> None:
        """Called when the run is ended from outside, by Ctrl-C say; left: what there is of it."""

"""The parent's part in lockstep: an update is judged once both sides have shown it.

a's run is done -> its states are whole: whoever is done with its own run is told to follow
both have shown an update -> it is judged here, its files are removed, each may show one more
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dualtrain.lockstep import (
    Judged,
    Lockstep,
    judge,
    led_file,
    read_led,
    read_shown,
    read_states,
    settled,
    shown_file,
)
from dualtrain.trace import Evaluation
from dualtrain.workers._process import Workers
from dualtrain.workers._talk import Follow

__all__ = ["JUDGED", "Judging", "every_for"]

JUDGED = 10
"""Updates of a run that are judged, about, where nobody asks for more or fewer."""

LEAST_AHEAD, MOST_AHEAD = 3, 64
"""Updates that a side may have shown and the other not."""

ROOM = 2**30
"""Bytes up to which it may be more than the least: one side waits for the other's own run."""

TIMES_LED = 3
"""How large what a side shows is, in files of a leading run's update, about."""


def every_for(total: int) -> int:
    """From one judged update to the next, where nobody has said it.

    A run of up to 20 updates is judged whole.

    >>> every_for(270), every_for(12)
    (27, 1)
    """
    return 1 if total <= 2 * JUDGED else -(-total // JUDGED)


class Judging:
    """The judgements of a run of two sides.

    states: the folder in which the first of `sides` leaves its states.
    folders: those in which each shows what it makes of them.
    """

    def __init__(
        self, workers: Workers, states: Path, sides: Sequence[str], folders: Sequence[Path]
    ) -> None:
        self._workers, self._states = workers, states
        self._folders = dict(zip(sides, folders, strict=True))
        self._leader = sides[0]
        self._trained: set[str] = set()
        self._shown: dict[int, set[str]] = {}
        self._judged: list[Judged] = []
        self._scores: dict[str, Evaluation] = {}

    def trained(self, name: str) -> None:
        """A side is done with its own run: it follows as soon as the states are there."""
        self._trained.add(name)
        if name == self._leader:
            self._of = read_states(self._states)
            self._facts = self._of.header.plan
            assert self._facts is not None, "a run of a spec has a plan"
            self._plan = self._facts.resolved()
            self._workers.tell(Follow(self._ahead()), self._trained)
        elif self._leader in self._trained:
            self._workers.tell(Follow(self._ahead()), [name])

    def _ahead(self) -> int:
        size = led_file(self._states, self._of.judged[0]).stat().st_size
        return min(MOST_AHEAD, max(LEAST_AHEAD, ROOM // (TIMES_LED * size)))

    def showed(self, name: str, attempt: int) -> Judged | None:
        """What is said of an update that a side has shown; None while the other has not."""
        seen = self._shown.setdefault(attempt, set())
        seen.add(name)
        if len(seen) < len(self._folders):
            return None
        files = [shown_file(folder, attempt) for folder in self._folders.values()]
        a, b = map(read_shown, files)
        assert self._facts is not None
        decisions = {one.name: one for one in self._facts.decisions}
        led = read_led(self._states, attempt)
        self._judged.append(judge(led, a, b, plan=self._plan, decisions=decisions))
        for file in files:
            file.unlink()
        self._workers.tell(Follow(1), self._folders)
        return self._judged[-1]

    def followed(self, name: str, evaluation: Evaluation | None) -> None:
        """A side has shown all."""
        if evaluation is not None:
            self._scores[name] = evaluation

    @property
    def progress(self) -> tuple[int, int]:
        """Updates judged, and to be judged."""
        return len(self._judged), len(self._of.judged)

    def lockstep(self) -> Lockstep:
        """What all of it comes to."""
        scores = [self._scores[name] for name in self._folders if name in self._scores]
        both = (scores[0], scores[1]) if len(scores) == len(self._folders) else None
        return replace(settled(self._judged, self._of.total), scores=both)

"""A run that another process has led, followed in this one and judged as it goes.

`train(states=)` leaves the folder, and `leave_shown` what the leading side itself makes of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from dualtrain.errors import StatesError
from dualtrain.lockstep import (
    Judged,
    judge_folder,
    read_shown,
    read_states,
    settled,
    shown_file,
    write_shown,
)
from dualtrain.outputs import check_folder, drafted, publish
from dualtrain.parity import Comparison, compare_followed
from dualtrain.spec import Spec
from dualtrain.tasks import Score
from dualtrain.trace import Evaluation, Header
from dualtrain.training import Observer, follow_task
from dualtrain.workers._progress import ProgressBars
from dualtrain.world import check_alone

__all__ = ["Scorer", "leave_shown", "run_lockstep"]


class Scorer(Observer):
    """Keeps what a side that follows says of itself."""

    header: Header | None = None
    evaluation: Evaluation | None = None

    def ready(self, header: Header) -> None:
        """What it is."""
        self.header = header

    def evaluated(self, score: Score) -> None:
        """How the leading run's last weights do there."""
        assert self.header is not None and self.header.plan is not None
        self.evaluation = Evaluation(
            t=self.header.plan.total_updates,
            examples=score.examples,
            loss=score.loss,
            correct=score.correct,
            metrics=dict(score.metrics),
        )


def leave_shown(spec: Spec, backend: str, states: Path, console: Console | None = None) -> None:
    """Follow a run in its own backend, and leave what it shows in a folder of its states: its half
    of a proof.

    Raises `OutputError` for what cannot be written there, and what `follow_task` raises.
    """
    total, folder = len(read_states(states).judged), states / SHOWN
    check_folder(folder, _WHAT, ["shown-*.safetensors"])
    with drafted(folder, _WHAT) as draft:
        with ProgressBars([_BAR], console) as bars:
            followed = follow_task(spec, backend, states=states, without_randomness=False)
            for done, shown in enumerate(followed, 1):
                write_shown(shown_file(draft, shown.attempt), shown)
                bars.show(_BAR, done, total)
        publish(draft, folder)


SHOWN = "shown"
"""The folder in one of states that has what the leading side shows."""

_WHAT = "what a side shows"
_BAR = "follows"


def run_lockstep(
    spec: Spec, backend: str, *, states: Path, console: Console | None = None
) -> Comparison:
    """Follow the run that has left its states in a folder, and judge each update.

    Raises `StatesError` for a folder that is none or lacks what the leading side itself shows,
    `BackendError` under a launcher of several processes, and what `follow_task` raises.
    """
    check_alone("lockstep", os.environ)
    of, scorer = read_states(states), Scorer()
    files = [shown_file(states / SHOWN, attempt) for attempt in of.judged]
    for file in files:
        if not file.is_file():
            raise StatesError(
                f"{states}: must hold what the leading side itself makes of its updates, as "
                "`dualtrain train --states FOLDER` leaves it. Received: a folder without "
                f"{SHOWN}/{file.name}"
            )
    judged: list[Judged] = []
    own = map(read_shown, files)
    others = follow_task(spec, backend, states=states, without_randomness=False, observer=scorer)
    with ProgressBars([_BAR], console) as bars:
        for one in judge_folder(states, own, others):
            judged.append(one)
            bars.show(_BAR, len(judged), len(of.judged))
    assert scorer.header is not None, "it is told before the first update"
    return compare_followed(of.header, scorer.header, settled(judged, of.total))

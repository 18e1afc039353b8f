"""Under which step a logger logs what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from dualtrain.loggers import Logger
from dualtrain.tasks import Score
from dualtrain.trace import Update


class Heard(Logger):
    """Keeps what it is to log."""

    def open(self, config: Mapping[str, Any]) -> None:
        self.rows: list[tuple[int, Mapping[str, float]]] = []

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append((step, values))

    def close(self) -> None:
        pass


def test_a_score_stands_at_the_step_of_the_update_before_it() -> None:
    """Though one was skipped, and the clock is behind."""
    logger, run = Heard(), SimpleNamespace(attempts=5, t=4)
    logger.open({})
    update = Update(attempt=4, t=3, lr=0.5, loss=0.25)
    logger.updated(run, update)  # type: ignore[arg-type]
    logger.evaluated(run, Score(loss=0.125, metrics={"f1": 0.75}))  # type: ignore[arg-type]
    assert logger.rows == [
        (5, {"train/loss": 0.25, "train/lr": 0.5, "train/skipped": 0.0}),
        (5, {"eval/loss": 0.125, "eval/f1": 0.75}),
    ]

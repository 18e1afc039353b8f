"""What is logged of a run, and the hook that a logger fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from dualtrain.errors import ExtraError
from dualtrain.tasks import Score
from dualtrain.trace import Update
from dualtrain.training import Callback, Run

__all__ = ["Logger", "package"]

_NAMES = ("loss", "lr", "momentum", "grad_norm", "clipped_norm", "loss_scale")
"""Of an update, where the run has them; the gradient norms are measured with a trace."""


class Logger(Callback, ABC):
    """Logs numbers by name, under the number of updates made so far.

    `train/loss`, `train/lr`, `train/momentum`, `train/grad_norm`, `train/clipped_norm`,
    `train/loss_scale` and `train/skipped` are those of one update, no means over several; a score
    is logged as `eval/loss`, `eval/accuracy` and so on. What a run does not have is not logged.

    every: of every so many updates; scores are always logged.
    """

    everywhere = False

    def __init__(self, *, every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"every must be 1 or more updates. Received: {every}")
        self._every = every

    @abstractmethod
    def open(self, config: Mapping[str, Any]) -> None:
        """Begin; config: the spec, as a JSON document."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers; step: updates made, 1 after the first."""

    @abstractmethod
    def close(self) -> None:
        """Write all that is still held."""

    def began(self, run: Run) -> None:
        """Open it with the spec."""
        self.open(run.plan.spec.model_dump(mode="json"))

    def updated(self, run: Run, update: Update) -> None:
        """Log an update's numbers."""
        step = update.attempt + 1
        if step % self._every == 0:
            values = {name: getattr(update, name) for name in _NAMES}
            known = {f"train/{name}": v for name, v in values.items() if v is not None}
            self.log(step, {**known, "train/skipped": float(update.skipped)})

    def evaluated(self, run: Run, score: Score) -> None:
        """Log a score."""
        values = {f"eval/{name}": value for name, value in score.measured().items()}
        self.log(run.attempts, values)

    def closed(self) -> None:
        """Close it."""
        self.close()


def package(name: str, logger: str) -> Any:
    """The package that a logger stands on. Raises `ExtraError` where it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise  # not the package: something that it lacks itself
        raise ExtraError(
            f"the logger {logger!r} needs the package {name!r}: pip install {name}. "
            f"Received: no module named {name!r}"
        ) from None

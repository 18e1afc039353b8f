"""A logger for Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.loggers._logger import Logger, package

__all__ = ["WandB"]


class WandB(Logger):
    """A run of a project, with the spec as its config.

    What wandb's own environment variables say holds, `WANDB_MODE=offline` and `WANDB_DIR` say.
    """

    def __init__(self, project: str, *, every: int = 1) -> None:
        super().__init__(every=every)
        self._package = package("wandb", "wandb")
        self._project = project
        self._run: Any = None

    def open(self, config: Mapping[str, Any]) -> None:
        """Begin a run of the project."""
        self._run = self._package.init(project=self._project, config=dict(config))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log them all under one step."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()

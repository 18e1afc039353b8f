"""A logger for SwanLab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dualtrain.loggers._logger import Logger, package

__all__ = ["SwanLab"]


class SwanLab(Logger):
    """An experiment of a project, with the spec as its config.

    What swanlab's own environment variables say holds, `SWANLAB_MODE=offline` and `SWANLAB_LOG_DIR`
    say.
    """

    def __init__(self, project: str, *, every: int = 1) -> None:
        super().__init__(every=every)
        self._package = package("swanlab", "swanlab")
        self._project = project
        self._run: Any = None

    def open(self, config: Mapping[str, Any]) -> None:
        """Begin an experiment of the project."""
        self._run = self._package.init(project=self._project, config=dict(config))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log them all under one step."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the experiment."""
        self._run.finish()

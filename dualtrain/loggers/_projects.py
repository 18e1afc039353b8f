"""Loggers of services that keep runs by project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from dualtrain.loggers._logger import Logger, package

__all__ = ["SwanLab", "WandB"]


class _OfProject(Logger):
    """A run of a project, with the spec as its config."""

    service: ClassVar[str]
    """Its package, and its name on the command line."""

    def __init__(self, project: str, *, every: int = 1) -> None:
        super().__init__(every=every)
        self._package = package(self.service, self.service)
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


class WandB(_OfProject):
    """Weights & Biases: a run of a project, with the spec as its config.

    What wandb's own environment variables say holds, `WANDB_MODE=offline` and `WANDB_DIR` say.
    """

    service = "wandb"


class SwanLab(_OfProject):
    """SwanLab: an experiment of a project, with the spec as its config.

    What swanlab's own environment variables say holds, `SWANLAB_MODE=offline` and `SWANLAB_LOG_DIR`
    say.
    """

    service = "swanlab"

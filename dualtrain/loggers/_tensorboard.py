"""A logger for TensorBoard, by tensorboardX: it needs neither framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualtrain.loggers._logger import Logger, package

__all__ = ["TensorBoard"]


class TensorBoard(Logger):
    """Event files in a folder, which `tensorboard --logdir FOLDER` shows."""

    def __init__(self, folder: Path | str, *, every: int = 1) -> None:
        super().__init__(every=every)
        self._package = package("tensorboardX", "tensorboard")
        self._folder = Path(folder)
        self._writer: Any = None

    def open(self, config: Mapping[str, Any]) -> None:
        """Begin an event file."""
        self._writer = self._package.SummaryWriter(str(self._folder))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is held."""
        self._writer.close()

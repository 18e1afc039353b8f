"""A logger by its name, as the command line has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dualtrain.loggers._json_lines import JsonLines
from dualtrain.loggers._logger import Logger
from dualtrain.loggers._projects import SwanLab, WandB
from dualtrain.loggers._tensorboard import TensorBoard
from dualtrain.loggers._visualdl import VisualDL

__all__ = ["LOGGERS", "logger_of"]

LOGGERS: Mapping[str, tuple[Callable[[str], Logger], str]] = MappingProxyType(
    {
        "jsonl": (JsonLines, "FILE"),
        "swanlab": (SwanLab, "PROJECT"),
        "tensorboard": (TensorBoard, "FOLDER"),
        "visualdl": (VisualDL, "FOLDER"),
        "wandb": (WandB, "PROJECT"),
    }
)
"""Kind -> what makes one, and the place that it is given."""


def logger_of(text: str) -> Logger:
    """The logger that `KIND:PLACE` names. Raises `ValueError` for a kind or a place that is none.

    >>> type(logger_of("jsonl:log.jsonl")).__name__
    'JsonLines'
    """
    kind, _, place = text.partition(":")
    if kind not in LOGGERS or not place:
        forms = ", ".join(f"{kind}:{place}" for kind, (_, place) in LOGGERS.items())
        raise ValueError(f"must be one of {forms}. Received: {text!r}")
    return LOGGERS[kind][0](place)

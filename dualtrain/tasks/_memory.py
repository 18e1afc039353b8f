"""Whether a model fits in this machine, known before a framework asks for the memory."""

from __future__ import annotations

import os
from pathlib import Path

from dualtrain.errors import CheckpointError, Problem, SpecError
from dualtrain.tasks._model import ModelConfig

__all__ = ["check_fits"]

BYTES = 8
"""Of a weight in float32: the model's own, and the array that it is loaded from."""


def check_fits(config: ModelConfig, *, described: Path | None = None) -> None:
    """Refuse a model that this machine cannot hold; where the system does not say, none.

    described: the checkpoint's file that gives the sizes; None if a spec does.

    Raises `CheckpointError` or `SpecError`.
    """
    count, memory = config.weights, _memory()
    if memory is None or count * BYTES <= memory:
        return
    problem = Problem(
        where="task.model",
        rule=f"must fit in this machine's memory, {_gib(memory)}: each weight takes {BYTES} bytes "
        f"while the model is loaded",
        received=f"{count:,} weights, {_gib(count * BYTES)}",
    )
    if described is None:
        raise SpecError((problem,))
    raise CheckpointError(f"{described}: {problem}")


def _memory() -> int | None:
    """Bytes of this machine, free or not."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows, or a system of other names
        return None


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"

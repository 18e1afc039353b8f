"""Whether a model fits in this machine, known before a framework asks for the memory."""

from __future__ import annotations

import os

from dualtrain.errors import SpecError
from dualtrain.spec import Spec
from dualtrain.tasks import ModelConfig

__all__ = ["check_memory"]

BYTES = 8
"""Of a weight in float32: the model's own, and the array that it is loaded from."""


def check_memory(config: ModelConfig, spec: Spec) -> None:
    """Refuse a model that this machine cannot hold; where the system does not say, none.

    Raises `SpecError`, also for the sizes of a checkpoint that the spec names.
    """
    count, memory = config.weights, _memory()
    if memory is None or count * BYTES <= memory:
        return
    problem = spec.problem(
        "task",
        "model",
        rule=f"must fit in this machine's memory, {_gib(memory)}: each weight takes {BYTES} bytes "
        f"while the model is loaded",
        received=f"{count:,} weights, {_gib(count * BYTES)}",
    )
    raise SpecError((problem,))


def _memory() -> int | None:
    """Bytes of this machine, free or not."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows, or a system of other names
        return None


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"

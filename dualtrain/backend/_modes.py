"""Training and evaluation mode, module by module: what the user chose is kept."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dualtrain.listing import listed

__all__ = ["kept_modes", "train_as_chosen"]

Modules = Mapping[str, Any]
"""Path -> module, for the model, whose path is empty, and every module in it."""


def train_as_chosen(model: Any, modules: Modules) -> None:
    """Training mode, but for the parts that the user put into evaluation mode.

    A model that is itself in evaluation mode goes into training mode as a whole: so checkpoints
    are loaded, and it tells of no choice. In one that is in training mode a part in evaluation mode
    stays there, such as a batch norm that is not to move its statistics; a warning names it, since
    a pretrained part in a new model looks the same.
    """
    held = {path: m for path, m in modules.items() if model.training and not m.training}
    model.train()
    for module in held.values():
        module.training = False
    if held:
        outer = [path for path in held if not any(_inside(path, other) for other in held)]
        warnings.warn(
            f"parts of the model are in evaluation mode and stay so: {listed(outer)}. "
            "Call model.train() first if they should train like the rest",
            stacklevel=3,
        )


@contextmanager
def kept_modes(model: Any, modules: Modules) -> Iterator[None]:
    """A block that may change modes; every module then has the one that it had before."""
    whole, before = model.training, [(m, m.training) for m in modules.values()]
    try:
        yield
    finally:
        if model.training != whole:  # of the whole model, since Paddle's tracer has a mode too
            (model.train if whole else model.eval)()
        for module, mode in before:
            module.training = mode


def _inside(path: str, other: str) -> bool:
    return path.startswith(f"{other}.")

"""What a trace says of a model that the numbers in it do not show: torch's part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

__all__ = ["own_notes", "unsaved_buffers"]


def own_notes(model: nn.Module) -> list[str]:
    """A sentence where modules have states of their own making."""
    if any(type(m).get_extra_state is not nn.Module.get_extra_state for m in model.modules()):
        return ["extra states of modules are neither compared nor saved"]
    return []


def unsaved_buffers(module: Any) -> Iterable[str]:
    """Names of the module's own buffers that the model does not save."""
    names: set[str] = module._non_persistent_buffers_set
    return names

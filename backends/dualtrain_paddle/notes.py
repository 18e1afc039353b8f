"""What a trace says of a model that the numbers in it do not show: Paddle's part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paddle import nn

__all__ = ["own_notes", "unsaved_buffers"]


def own_notes(model: nn.Layer) -> list[str]:
    """A sentence where dropout is of the kind that only Paddle has."""
    layers: list[Any] = model.sublayers(include_self=True)
    if any(getattr(layer, "mode", "") == "downscale_in_infer" for layer in layers):
        return ["dropout scales down in evaluation, which torch cannot: downscale_in_infer"]
    return []


def unsaved_buffers(module: Any) -> Iterable[str]:
    """Names of the layer's own buffers that the model does not save."""
    names: set[str] = module._non_persistable_buffer_names_set
    return names

"""What a backend finds when it walks through a live model."""

from __future__ import annotations

from typing import Any, NamedTuple

from dualtrain.model._match import Shape

__all__ = ["NamedTensor"]


class NamedTensor(NamedTuple):
    """A parameter or running statistic of a model, and where it stands."""

    name: str
    """Canonical."""
    structured: str
    """In the framework's module tree."""
    owner: Any
    """The module that holds it."""
    tensor: Any
    """The live one."""
    shape: Shape
    """In canonical layout."""
    is_parameter: bool
    """False for the running statistics of batch normalisation."""
    is_transposed: bool
    """True where the framework keeps it the other way round than canonical."""

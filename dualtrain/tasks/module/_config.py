"""What a model of the user's own is built from: the user's function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from dualtrain.tasks._model import ExpectedParameter, ModelConfig

__all__ = ["ModuleConfig"]


@dataclass(frozen=True, kw_only=True)
class ModuleConfig(ModelConfig):
    """A model that only a framework knows."""

    build: Callable[[str, type[Any]], Any]
    """Name of a framework, and the class of all its models -> the native model."""

    is_known: ClassVar[bool] = False

    def tensors(self) -> Iterator[ExpectedParameter]:
        """None: what the model has is seen once it is built."""
        yield from ()

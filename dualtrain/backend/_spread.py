"""A model and its optimizer over several processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["Spread"]


class Spread(ABC):
    """The framework's own engine; a backend's subclass holds it."""

    gives_state: bool = True
    """Whether the state of all processes can be gathered: checkpoints and states are made of it."""
    model: Any
    """What forward passes go through: a backward pass gives every process the mean of all
    gradients."""

    @abstractmethod
    def holding_back(self) -> AbstractContextManager[Any]:
        """A context whose backward passes add up gradients in this process alone."""

    @abstractmethod
    def step(self) -> None:
        """Let the optimizer move the weights of every process."""

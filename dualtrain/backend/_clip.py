"""Clipping inside an optimizer's `step()`, and the norms that it measures on the way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from dualtrain.spec import Clip

__all__ = ["Clipper"]


class Clipper(ABC):
    """A clip of a spec, or with none what measures alone; a backend's own subclass acts.

    measure: take the joint norm of the gradients before and after clipping, at each step. Nothing
    of it waits for the device.
    """

    norm: Any = None
    """The joint norm of the last step's gradients, a scalar tensor; None if not measured."""
    clipped_norm: Any = None
    """The same after clipping; None without a clip."""
    keeps = False
    """Whether the gradients that each step uses are kept, for who wants to see them."""
    used: tuple[tuple[Any, Any], ...] = ()
    """What the last step moved, each with a copy of the gradient that it used, or None."""

    def __init__(self, clip: Clip | None, *, measure: bool) -> None:
        self.clip, self.measure = clip, measure

    @property
    def added(self) -> float:
        """e in c / max(norm + e, c): by whose rule the clip is."""
        return 0.0 if self.clip is None else self.clip.added

    def act(self, gradients: Any) -> Any:
        """Measure, clip, measure; gives the clipped gradients."""
        if self.measure:
            self.norm = self.joint_norm(gradients)
        clip = self.clip
        if clip is None or not gradients:
            return gradients
        if clip.global_norm is not None:
            gradients = self.by_global_norm(gradients, clip.global_norm)
        elif clip.norm is not None:
            gradients = self.by_norm(gradients, clip.norm)
        elif clip.value is not None:
            gradients = self.by_value(gradients, clip.value)
        if self.measure:
            self.clipped_norm = self.joint_norm(gradients)
        return gradients

    def keep(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Take copies of the gradients, if they are to be kept."""
        if self.keeps:
            self.used = tuple((p, None if g is None else g.clone()) for p, g in pairs)

    @abstractmethod
    def joint_norm(self, gradients: Any) -> Any:
        """sqrt(sum of all squared elements), a scalar tensor on the device; None of none."""

    @abstractmethod
    def by_global_norm(self, gradients: Any, c: float) -> Any:
        """g c / max(norm + e, c) for every gradient, one norm over all.

        Without e a norm of c changes not a bit.
        """

    @abstractmethod
    def by_norm(self, gradients: Any, c: float) -> Any:
        """g c / max(norm + e, c) for every gradient, each with its own norm."""

    @abstractmethod
    def by_value(self, gradients: Any, c: float) -> Any:
        """min(max(g, -c), c) for every element of every gradient."""
